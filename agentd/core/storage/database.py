"""How the one database is opened, read, copied, and how its errors are called outside.

There is one writer's connection, used by one thread, and a few read-only ones, each of which
serves one snapshot at a time; in WAL mode neither waits for the other. `sqlite3`'s exceptions end
here. Knows nothing of what the tables mean.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import aiosqlite

from agentd.core.storage.migrations import migrate, version_of
from agentd.errors import AgentdError, InvalidState, Unavailable

BUSY_TIMEOUT_SECS = 5.0
CACHED_STATEMENTS = 512
_CACHE_KIB = 32 * 1024
_CHECKPOINT_PAGES = 4000
"""Pages that gather in the WAL, most of them changed several times, before they are copied back."""
_READERS = 3
_BACKUP_PAGES = 1024
"""Pages copied between two breaks in which others may use the database."""

_UNWRITABLE = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_FOREIGN = frozenset({sqlite3.SQLITE_NOTADB})


def translate(error: sqlite3.Error) -> AgentdError | None:
    """What the outside calls a failure of the database; None for a mistake of ours."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _BUSY:
        return Unavailable("database_busy", "the database is locked by another process")
    if code in _UNWRITABLE:
        return Unavailable("disk_full", f"the database cannot be written: {error}")
    if code in _FOREIGN:
        return InvalidState("foreign_database", "the database file is no SQLite database")
    return None


@contextmanager
def translated_errors() -> Iterator[None]:
    """Lets the block raise `AgentdError` where the database fails.

    What only a bug of ours can cause (a broken constraint, bad SQL) passes as it is.
    """
    try:
        yield
    except sqlite3.Error as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error


def open_writer(path: Path) -> sqlite3.Connection:
    """The connection that writes, on a database brought to the latest schema.

    It may be used by another thread than this one, but only by one. It is in autocommit mode: who
    uses it begins and commits. Raises `Unsupported` (`newer_schema`), `InvalidState`
    (`foreign_database`) and `Unavailable` (`home_unusable`, `database_busy`, `disk_full`).
    """
    with translated_errors(), _unusable_file_named(path):
        if path.exists() and not os.access(path, os.W_OK):  # SQLite says so at the first write.
            raise _unusable(path, "it is read-only")
        connection = sqlite3.connect(
            path,
            timeout=BUSY_TIMEOUT_SECS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=CACHED_STATEMENTS,
        )
        try:
            version_of(connection)  # Before anything is written to what may not be ours.
            _configure(connection)
            migrate(connection)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def _unusable_file_named(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _FOREIGN:
            raise InvalidState("foreign_database", f"{path} is no SQLite database") from error
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise _unusable(path, str(error)) from error
        raise


def _unusable(path: Path, why: str) -> Unavailable:
    return Unavailable(
        "home_unusable",
        f"cannot open the database {path} for writing: {why}",
        hint="Set AGENTD_DATABASE_URL, or AGENTD_HOME, to where you can write.",
        path=str(path),
    )


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # An answer means durable: every commit is synced, not only every checkpoint.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # Otherwise REPLACE would take a row away without asking the triggers.
    connection.execute("PRAGMA recursive_triggers = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")


def backup(source: Path, target: Path) -> None:
    """Copies a database that may be in use to a new private file, as of one moment.

    Raises `InvalidState` (`file_exists`) when `target` exists, `Unavailable` (`home_unusable`) when
    it cannot be made, and what `translated_errors` does.
    """
    try:
        # The copy holds lease ids, as the original does: nobody else may read it.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise InvalidState("file_exists", f"{target} exists already", path=str(target)) from None
    except OSError as error:
        raise Unavailable(
            "home_unusable",
            f"cannot write {target}: {error.strerror}",
            hint="Name a file in a directory that you can write to.",
            path=str(target),
        ) from error
    try:
        with (
            translated_errors(),
            closing(sqlite3.connect(_read_only(source), uri=True)) as original,
            closing(sqlite3.connect(target)) as copy,
        ):
            original.backup(copy, pages=_BACKUP_PAGES)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _read_only(path: Path) -> str:
    return f"file:{quote(str(path))}?mode=ro"


class Reader:
    """A pool of read-only connections."""

    def __init__(self, connections: list[aiosqlite.Connection]) -> None:
        self._all = connections
        self._free: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        for connection in connections:
            self._free.put_nowait(connection)

    @classmethod
    async def open(cls, path: Path, *, connections: int = _READERS) -> Reader:
        """Opens the connections to a database that `open_writer` has opened before."""
        opened: list[aiosqlite.Connection] = []
        with translated_errors():
            try:
                for _ in range(connections):
                    connection = await aiosqlite.connect(
                        _read_only(path),
                        uri=True,
                        timeout=BUSY_TIMEOUT_SECS,
                        isolation_level=None,
                        cached_statements=CACHED_STATEMENTS,
                    )
                    opened.append(connection)
                    await connection.execute("PRAGMA query_only = ON")
            except BaseException:
                for connection in opened:
                    await connection.close()
                raise
        return cls(opened)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[aiosqlite.Connection]:
        """A connection whose statements all see the database as of the first of them."""
        connection = await self._free.get()
        try:
            with translated_errors():
                await connection.execute("BEGIN")
                yield connection
        finally:
            # Queued behind whatever a cancelled caller left running, so the next one is safe.
            try:
                await connection.rollback()
            finally:
                self._free.put_nowait(connection)

    async def close(self) -> None:
        """Closes all connections; snapshots in use fail."""
        for connection in self._all:
            await connection.close()
