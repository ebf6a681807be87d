"""Where a run takes place: in the checkout, beside others, or in a worktree of its own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentd.cli.connect import fail
from agentd.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from agentd.conflicts.review import Workplace


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A worktree, and its repository."""

    workplace: Workplace
    top: Path
    """The top of the worktree, without symbolic links."""
    branch: str
    """The short name; empty where none is checked out."""
    is_shared: bool
    """Whether others may work in it at the same time."""


def find_place(repository: Path, worktree: Path | None, session: str, home: Path) -> RunPlace:
    """The place that the command line names; a worktree that is not there is made."""
    from agentd.conflicts.review import open_workplace

    workplace = open_workplace(repository, home)
    if worktree is None:
        place = workplace.repository
    else:
        path = worktree.absolute()
        if not path.exists():
            _make_worktree(workplace, path, session)
        place = workplace.repository.at(path)
        if place.common_dir.resolve() != workplace.repository.common_dir.resolve():
            fail(
                f"{path} belongs to another repository",
                hint="Name a worktree of this one, or a directory that does not exist yet.",
                code=ExitCode.USAGE,
            )
    found = place.run(["rev-parse", "--show-toplevel"])
    if found.status != 0:
        fail(
            f"{place.path} has no checkout to work in",
            hint="Name a worktree with --worktree; it is made if it is not there.",
            code=ExitCode.USAGE,
        )
    top = Path(found.text).resolve()
    branch = (place.branch_of("HEAD") or "").removeprefix("refs/heads/")
    return RunPlace(workplace, top, branch, is_shared=worktree is None)


def _make_worktree(workplace: Workplace, path: Path, session: str) -> None:
    """Makes a worktree on a new branch, as the user's own git does it, filters and all."""
    command = ["git", "worktree", "add", "--quiet", "-b", f"agentd/{session}", str(path), "HEAD"]
    done = subprocess.run(
        command, cwd=workplace.repository.path, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        fail(f"the worktree {path} cannot be made: {done.stderr.strip()}")
