"""Which of a session's files hold work that is in no commit yet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

_GIT_SECS_MAX: Final = 0.6
_COMMAND: Final = (
    *("git", "-c", "core.fsmonitor=false", "--no-optional-locks", "status", "--porcelain=v1"),
    *("-z", "--no-renames", "--untracked-files=all", "--ignored=matching", "--"),
)
_ENVIRONMENT: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_LITERAL_PATHSPECS": "1",
}


def uncommitted(worktree: str, paths: Sequence[str], search_path: str) -> frozenset[str]:
    """The paths that differ from the last commit; all of them where git does not say."""
    import subprocess

    try:
        status = subprocess.run(
            (*_COMMAND, *paths),
            cwd=worktree,
            env={"PATH": search_path, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECS_MAX,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return frozenset(paths)
    changed = [os.fsdecode(line[3:]) for line in status.stdout.split(b"\0") if line]
    return frozenset(
        path
        for path in paths
        for each in changed
        if each == path or (each.endswith("/") and path.startswith(each))
    )
