"""What `git merge-tree` answers, and the attributes that it merges under.

Pure: bytes in, values out, and the other way round. It must not know what was merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from agentd.conflicts.git_names import TreeId, decoded, encoded

MergeAttributes: TypeAlias = Mapping[str, str]
"""Path to the attribute under which it merges: `merge=union`, `-merge`, …"""

NO_ATTRIBUTES: Final[MergeAttributes] = {}


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
    fields = rest.split(b"\0")
    if fields and not fields[-1].strip():
        fields.pop()
    paths: list[str] = []
    index = 0
    while index < len(fields) and fields[index]:
        paths.append(decoded(fields[index]))
        index += 1
    index += 1
    messages = []
    while index < len(fields):
        if not fields[index].isdigit():
            break  # Advice to people about submodules, without the form of a message.
        count = int(fields[index])
        names = tuple(decoded(name) for name in fields[index + 1 : index + 1 + count])
        kind, text = fields[index + 1 + count], fields[index + 2 + count]
        messages.append(MergeMessage(decoded(kind), names, decoded(text).strip()))
        index += 3 + count
    return tuple(dict.fromkeys(paths)), tuple(messages)


def attributes_line(path: str, attribute: str) -> bytes:
    """The line of an attributes file that gives exactly this path an attribute."""
    pattern = "".join("\\" + char if char in "*?[]\\" else char for char in "/" + path)
    quoted = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return encoded(f'"{quoted}" {attribute}\n')
