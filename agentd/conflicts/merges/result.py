"""What `git merge-tree` answers, and the attributes that it merges under.

Pure: bytes in, values out, and the other way round. It must not know what was merged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from agentd.conflicts.git.names import OBJECT_ID, CommitId, TreeId, decoded, encoded

MergeAttributes: TypeAlias = Mapping[str, str]
"""Path to the attribute under which it merges: `merge=union`, `-merge`, …"""

NO_ATTRIBUTES: Final[MergeAttributes] = {}


@dataclass(frozen=True, slots=True)
class Merge:
    """Two trees that are to be merged over a base."""

    base: TreeId
    left: TreeId
    right: TreeId
    histories: tuple[CommitId, CommitId] | None = field(default=None, kw_only=True)
    """Commits with the left and the right tree, where there is no single base: git then merges
    over a virtual one, which it makes from their histories."""


@dataclass(frozen=True, slots=True)
class MergeMessage:
    """One thing that git says about a merge."""

    kind: str
    """As git has it: `CONFLICT (contents)`, `Auto-merging`, …"""
    paths: tuple[str, ...]
    text: str

    @property
    def is_conflict(self) -> bool:
        """Whether it reports a conflict; two of git's kinds lack the space."""
        return self.kind.startswith("CONFLICT")


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What merging two trees over a base gives."""

    tree: TreeId
    clean: bool
    conflicted_paths: tuple[str, ...] = ()
    """May be empty although it conflicts."""
    messages: tuple[MergeMessage, ...] = ()

    @property
    def conflicts(self) -> tuple[MergeMessage, ...]:
        """The messages that report conflicts."""
        return tuple(message for message in self.messages if message.is_conflict)


def parse_merge(rest: bytes) -> tuple[tuple[str, ...], tuple[MergeMessage, ...]]:
    """Reads `-z --name-only --messages`: paths, an empty field, then groups of messages."""
    paths, messages, _ = _read_details(rest.split(b"\0"), 0)
    return paths, messages


def parse_merges(output: bytes) -> tuple[MergeResult, ...]:
    """Reads what `--stdin` answers to the merges that it came to, in their order.

    One that git did not finish telling about is left out, as are all after it: git stops at the
    first line that it cannot use.
    """
    fields = output.split(b"\0")
    found: list[MergeResult] = []
    index = 0
    while index + 1 < len(fields) and fields[index] in (b"0", b"1"):
        tree = decoded(fields[index + 1])
        if not OBJECT_ID.fullmatch(tree):
            break
        paths, messages, end = _read_details(fields, index + 2)
        if end >= len(fields):
            break
        found.append(MergeResult(TreeId(tree), fields[index] == b"1", paths, messages))
        index = end
    return tuple(found)


def _read_details(
    fields: Sequence[bytes], index: int
) -> tuple[tuple[str, ...], tuple[MergeMessage, ...], int]:
    """Paths and messages from a position on, and the position of what follows."""
    paths: list[str] = []
    while index < len(fields) and fields[index]:
        paths.append(decoded(fields[index]))
        index += 1
    index += 1
    messages: list[MergeMessage] = []
    # What is no number ends the messages: an empty field, or advice to people about submodules.
    while index < len(fields) and fields[index].isdigit():
        count = int(fields[index])
        if index + 2 + count >= len(fields):
            return tuple(dict.fromkeys(paths)), tuple(messages), len(fields)
        names = tuple(decoded(name) for name in fields[index + 1 : index + 1 + count])
        kind, text = fields[index + 1 + count], fields[index + 2 + count]
        messages.append(MergeMessage(decoded(kind), names, decoded(text).strip()))
        index += 3 + count
    return tuple(dict.fromkeys(paths)), tuple(messages), index + 1


def attributes_line(path: str, attribute: str) -> bytes:
    """The line of an attributes file that gives exactly this path an attribute."""
    pattern = "".join("\\" + char if char in "*?[]\\" else char for char in "/" + path)
    quoted = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return encoded(f'"{quoted}" {attribute}\n')
