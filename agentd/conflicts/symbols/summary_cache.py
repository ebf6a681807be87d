"""Summaries on disk, by blob and by who read it, in one file for all reviews of a repository.

A blob's content never changes, so nothing is ever stale; what cannot be read counts as absent.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from agentd.conflicts.memory_file import MemoryFile
from agentd.conflicts.symbols.library import SummaryKey
from agentd.conflicts.symbols.summary import Summary
from agentd.conflicts.symbols.summary_codec import decode, encode

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS summaries (
    blob TEXT NOT NULL,
    analyser TEXT NOT NULL,
    summary BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    UNIQUE (blob, analyser)
);
CREATE INDEX IF NOT EXISTS summaries_by_age ON summaries (made_at);
"""


class SummaryCache:
    """The file of summaries."""

    def __init__(self, path: Path) -> None:
        self._file = MemoryFile(path, _SCHEMA)

    def get(self, keys: Collection[SummaryKey]) -> Mapping[SummaryKey, Summary]:
        """The kept summaries."""

        def read(connection: sqlite3.Connection) -> dict[SummaryKey, Summary]:
            return {
                key: summary
                for key in keys
                for (content,) in connection.execute(
                    "SELECT summary FROM summaries WHERE blob = ? AND analyser = ?", key
                )
                if (summary := decode(content)) is not None
            }

        nothing: dict[SummaryKey, Summary] = {}
        return self._file.read(read, nothing) if keys else nothing

    def put(self, summaries: Mapping[SummaryKey, Summary]) -> None:
        """Keeps summaries, all or none of them."""

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR REPLACE INTO summaries VALUES (?, ?, ?, strftime('%s', 'now'))",
                ((*key, encode(summary)) for key, summary in summaries.items()),
            )

        if summaries:
            self._file.write(write, None)

    def forget_before(self, secs: int) -> None:
        """Forgets the summaries that are older."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM summaries WHERE made_at < ?", (secs,))

        self._file.read(write, None)
