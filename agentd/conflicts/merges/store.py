"""What git said about merges, kept by content: the same three trees merge alike for ever.

It must not know what a review is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from agentd.conflicts.memory_file import MemoryFile

ROWS_MAX: Final = 200_000
AGE_SECS_MAX: Final = 4 * 24 * 3600
"""Older answers are not given: git may be about to clear their trees away."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS merges (
    key BLOB PRIMARY KEY,
    answer BLOB NOT NULL,
    made_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS merges_by_age ON merges (made_at);
"""


class MergeStore:
    """Answers by key, for as many reviews at once as there are."""

    def __init__(self, path: Path, *, now_secs: int) -> None:
        self._file = MemoryFile(path, _SCHEMA)
        self._now_secs = now_secs

    def get(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """The answers that are known."""
        wanted = list(keys)

        def read(connection: sqlite3.Connection) -> dict[bytes, bytes]:
            found = {}
            for key in wanted:
                row = connection.execute(
                    "SELECT answer FROM merges WHERE key = ? AND made_at >= ?",
                    (key, self._now_secs - AGE_SECS_MAX),
                )
                for (answer,) in row:
                    found[key] = answer
            return found

        return self._file.read(read, {}) if wanted else {}

    def put(self, answers: Mapping[bytes, bytes]) -> None:
        """Keeps answers, all or none of them; the oldest go when there are too many."""

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR REPLACE INTO merges VALUES (?, ?, ?)",
                [(key, answer, self._now_secs) for key, answer in answers.items()],
            )
            (count,) = connection.execute("SELECT count(*) FROM merges").fetchone()
            if count > ROWS_MAX:
                connection.execute(
                    "DELETE FROM merges WHERE key IN "
                    "(SELECT key FROM merges ORDER BY made_at, key LIMIT ?)",
                    (count - ROWS_MAX * 9 // 10,),
                )

        if answers:
            self._file.write(write, None)

    def forget_before(self, secs: int) -> None:
        """Forgets the answers that are older."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM merges WHERE made_at < ?", (secs,))

        self._file.read(write, None)
