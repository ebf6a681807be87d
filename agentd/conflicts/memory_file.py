"""A small SQLite file of what was found out and can be found out again.

It is a memory, not a truth: whatever is wrong with it (locked, damaged, disk full) only costs
finding out once more. It must not know what it keeps.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class MemoryFile:
    """One file, for as many processes at once as there are."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema

    def read(self, act: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """What is found in it; `otherwise` where it is not there or cannot be used."""
        return self.write(act, otherwise) if self._path.exists() else otherwise

    def write(self, act: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """Changes it, wholly or not at all; `otherwise` where it cannot be used."""
        try:
            with closing(sqlite3.connect(self._path, timeout=1.0)) as connection:
                # Losing the last answers in a power cut costs nothing.
                connection.execute("PRAGMA synchronous = OFF")
                connection.executescript(self._schema)
                with connection:
                    return act(connection)
        except sqlite3.Error as problem:
            _log.warning("%s cannot be used: %s", self._path.name, problem)
            if isinstance(problem, sqlite3.DatabaseError) and not isinstance(
                problem, sqlite3.OperationalError
            ):
                self._path.unlink(missing_ok=True)  # Damaged; the next one starts a new one.
            return otherwise
