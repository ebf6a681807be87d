"""Where git looks for a repository's hooks, and whose place that is."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from agentd.guard.git import ask


class Whose(StrEnum):
    """Who sees what is put there."""

    REPOSITORY = "repository"
    """This repository and its worktrees alone."""
    COMMITTED = "committed"
    """Everybody who has the repository: the hooks are files of it."""
    SHARED = "shared"
    """Other repositories of the user's, too."""


class HooksPlace(NamedTuple):
    """A directory of hooks."""

    directory: Path
    whose: Whose


def hooks_place(repository: Path) -> HooksPlace:
    """The directory that git takes hooks from, for a repository or a worktree of it.

    Raises `HookTrouble`, also for a bare repository, in which nobody commits.
    """
    here = os.fspath(repository)
    top = _line("--show-toplevel", at=here)
    directory = Path(_line("--git-path", "hooks", at=top))
    if directory.is_relative_to(_line("--git-common-dir", at=top)):
        return HooksPlace(directory, Whose.REPOSITORY)
    if not directory.is_relative_to(top):
        return HooksPlace(directory, Whose.SHARED)
    # Ignored files in the worktree are where tools such as husky put what they generate.
    ignored = ask("check-ignore", os.fspath(directory / "pre-commit"), at=top, may_fail=True)
    return HooksPlace(directory, Whose.REPOSITORY if ignored else Whose.COMMITTED)


def _line(*question: str, at: str) -> str:
    said = ask("rev-parse", "--path-format=absolute", *question, at=at)
    return os.fsdecode(said.removesuffix(b"\n"))
