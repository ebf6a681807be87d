"""What a commit or a push would change, asked of git.

Renames are not looked for: then a moved file is its old name and its new one, and both count.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from agentd.guard.git import ask
from agentd.hook.ending import HookTrouble

_NAMES: Final = ("--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none")
_NO_COMMIT: Final = frozenset("0")
_BRANCHES: Final = "refs/heads/"
_ABSOLUTE: Final = ("--path-format=absolute",)


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


class Push(NamedTuple):
    """What git says to the hook before a push."""

    remote: str
    url: str
    lines: str
    """Of each name: the local one, its commit, the remote one, its commit."""


class Place(NamedTuple):
    """Where git is at work; paths are absolute."""

    worktree: str
    """Empty in a repository without one."""
    common_dir: str
    branch: str
    """What is checked out; empty where it is no branch."""


def pushed_paths(push: Push, without: Sequence[str] = ()) -> list[str]:
    """The paths that the commits of a push change which the remote does not have.

    What can be reached from the commits `without` does not count. Raises `HookTrouble`.
    """
    wanted, known = [], []
    for line in filter(None, push.lines.splitlines()):
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
    remotes = "--remotes" if push.remote == push.url else f"--remotes={push.remote}"
    # Of a merge (-c) those paths that differ from each of its parents.
    return _paths(
        ask(
            *("-c", "log.showRoot=true", "log", "--format=", "-c", *_NAMES, "--ignore-missing"),
            *(*wanted, *known, "--not", remotes, *without, "--"),
        )
    )


def configured_owners() -> list[str]:
    """The names that `git config agentd.owner` gives to whoever commits here."""
    return _paths(ask("config", "-z", "--get-all", "agentd.owner", may_fail=True))


def place() -> Place:
    """Where git is at work. Raises `HookTrouble`."""
    # Whoever pushes may do so in a repository without a worktree.
    head = _line("symbolic-ref", "--quiet", "HEAD", may_fail=True)
    return Place(
        _line("rev-parse", *_ABSOLUTE, "--show-toplevel", may_fail=True),
        _line("rev-parse", *_ABSOLUTE, "--git-common-dir"),
        head.removeprefix(_BRANCHES) if head.startswith(_BRANCHES) else "",
    )


def head_of_branch(name: str) -> str:
    """The commit of a branch; empty where there is none."""
    return _line("show-ref", "--verify", "--hash", f"{_BRANCHES}{name}", may_fail=True)


def heads_of_worktrees(name: str) -> list[str]:
    """What is checked out in the worktrees whose directories have a name."""
    said = os.fsdecode(ask("worktree", "list", "--porcelain", "-z", may_fail=True))
    heads = []
    for entry in said.split("\0\0"):
        fields = dict(field.partition(" ")[::2] for field in entry.split("\0"))
        head = fields.get("HEAD", "")
        if os.path.basename(fields.get("worktree", "")) == name and head and not _is_none(head):
            heads.append(head)
    return heads


def _line(*question: str, may_fail: bool = False) -> str:
    return os.fsdecode(ask(*question, may_fail=may_fail).removesuffix(b"\n"))


def _merge_heads() -> list[str]:
    try:
        with open(_line("rev-parse", "--git-path", "MERGE_HEAD"), encoding="ascii") as file:
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
