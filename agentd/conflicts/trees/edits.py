"""What is to be different in a tree. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agentd.conflicts.git.names import ObjectId


@dataclass(frozen=True, slots=True)
class NewFile:
    """What a tree is to have at a path."""

    mode: str
    content: ObjectId | bytes
    """A blob (of a submodule its commit), or the bytes themselves."""


Edits: TypeAlias = Mapping[str, NewFile | None]
"""Path to what is to be there; None takes the file away."""


def size_of(file: NewFile | None) -> int:
    """How many bytes an edit holds."""
    return len(file.content) if file is not None and isinstance(file.content, bytes) else 0
