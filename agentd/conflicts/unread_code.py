"""Says of a bundle which of its code nobody read, so that its names are no proof of anything.

Pure; which bundle it is about the caller adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentd.conflicts.findings import Finding, FindingKind, JsonValue, counted, info

_PATHS_SHOWN: Final = 20


def unread_code(files: Sequence[tuple[str, str]]) -> Finding | None:
    """The finding about files, each with why it was not read; None where there are none."""
    if not files:
        return None
    path, reason = files[0]
    unread: list[JsonValue] = [{"path": each, "reason": why} for each, why in files[:_PATHS_SHOWN]]
    return info(
        FindingKind.NOT_ANALYSED,
        f"{counted(len(files), 'file')} of its code could not be read ({path}: {reason}), so "
        "whether names of it go together with the others' is not known; let a command of the "
        "policy tell.",
        path,
        files=unread,
    )
