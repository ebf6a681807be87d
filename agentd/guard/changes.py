"""What a commit or a push would change, asked of git.

Renames are not looked for: then a moved file is its old name and its new one, and both count.
"""

from __future__ import annotations

import os
from typing import Final

from agentd.guard.git import ask
from agentd.hook.ending import HookTrouble

_NAMES: Final = ("--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none")
_NO_COMMIT: Final = frozenset("0")


def staged_paths() -> list[str]:
    """The paths that the commit which git is about to make changes.

    Concluding a merge changes only what differs from every side: the rest was committed by those
    who did it. Raises `HookTrouble`.
    """
    merged = _merge_heads()
    changed = _diff()
    for head in merged:
        others = frozenset(_diff(head))
        changed = [path for path in changed if path in others]
    return changed


def pushed_paths(remote: str, url: str, lines: str) -> list[str]:
    """The paths that the commits of a push change which the remote does not have.

    `lines` are what git writes to the hook: local name, its commit, remote name, its commit. Raises
    `HookTrouble`.
    """
    wanted, known = [], []
    for line in filter(None, lines.splitlines()):
        fields = line.rsplit(" ", 3)
        if len(fields) != 4:
            raise HookTrouble(f"git said {line!r} where it should have said what is pushed")
        _, local, _, there = fields
        if not _is_none(local):  # Else it deletes the remote's.
            wanted.append(local)
            known += [] if _is_none(there) else [f"^{there}"]
    if not wanted:
        return []
    # A remote that is only an address has no branches of its own here.
    remotes = "--remotes" if remote == url else f"--remotes={remote}"
    # Of a merge (-c) those paths that differ from each of its parents.
    return _paths(
        ask(
            *("-c", "log.showRoot=true", "log", "--format=", "-c", *_NAMES, "--ignore-missing"),
            *(*wanted, *known, "--not", remotes, "--"),
        )
    )


def configured_owners() -> list[str]:
    """The names that `git config agentd.owner` gives to whoever commits here."""
    return _paths(ask("config", "-z", "--get-all", "agentd.owner", may_fail=True))


def toplevel() -> tuple[str, str, str]:
    """The worktree, its git directory and the repository's, absolute. Raises `HookTrouble`."""
    said = ask(
        *("rev-parse", "--path-format=absolute"),
        *("--show-toplevel", "--git-dir", "--git-common-dir"),
    )
    lines = os.fsdecode(said).splitlines()
    if len(lines) != 3:
        raise HookTrouble("git does not say where this repository is")
    return lines[0], lines[1], lines[2]


def _merge_heads() -> list[str]:
    said = ask("rev-parse", "--git-path", "MERGE_HEAD")
    try:
        with open(os.fsdecode(said.removesuffix(b"\n")), encoding="ascii") as file:
            return file.read().split()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise HookTrouble(f"what is merged cannot be read: {error}") from None


def _diff(commit: str | None = None) -> list[str]:
    return _paths(ask("diff", "--cached", *_NAMES, *([commit] if commit else []), "--"))


def _paths(output: bytes) -> list[str]:
    return [os.fsdecode(path) for path in output.split(b"\0") if path]


def _is_none(commit: str) -> bool:
    return frozenset(commit) <= _NO_COMMIT
