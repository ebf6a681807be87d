"""Which version of the schema a database has, and the steps that bring it to this one.

Each step is a file `migrations/NNNN_name.sql`, applied in one transaction together with the new
version number (SQLite's `user_version`), so that a crash leaves a whole version. `schema.sql` is
the sum of the steps, for readers and for tests.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from agentd.errors import InvalidState, Unsupported

_APPLICATION_ID = 0x61677464
"""`agtd` in the file's header: tells our databases from anybody else's."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step."""

    version: int
    name: str
    script: str


def _load() -> Iterator[Migration]:
    folder = files("agentd.core.storage") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    for expected, file_name in enumerate(names, start=1):
        number, _, name = file_name.removesuffix(".sql").partition("_")
        if int(number) != expected:
            raise RuntimeError(f"migration {file_name} should have the number {expected:04d}")
        yield Migration(expected, name, _text(folder / file_name))


def _text(entry: Traversable) -> str:
    return entry.read_text(encoding="utf-8")


MIGRATIONS = tuple(_load())
LATEST_VERSION = len(MIGRATIONS)


def schema_text() -> str:
    """`schema.sql`: what all the steps add up to."""
    return _text(files("agentd.core.storage") / "schema.sql")


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the database, 0 when it is new.

    Raises `Unsupported` (`newer_schema`) for a database of a later agentd, and `InvalidState`
    (`foreign_database`) for one that another program made.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != _APPLICATION_ID and _has_tables(connection):
        raise InvalidState(
            "foreign_database", "the database file has tables that are not this agentd's"
        )
    if version > LATEST_VERSION:
        raise Unsupported(
            "newer_schema",
            f"the database has schema {version}, this agentd knows up to {LATEST_VERSION}",
            have=LATEST_VERSION,
            need=version,
        )
    return version


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def migrate(connection: sqlite3.Connection) -> list[Migration]:
    """Applies the steps that the database lacks and returns them.

    Two processes may start at once: each step looks at the version again inside its transaction.
    """
    applied: list[Migration] = []
    for migration in MIGRATIONS[version_of(connection) :]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if version_of(connection) < migration.version:
                for statement in statements(migration.script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {migration.version}")
                applied.append(migration)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    return applied


def statements(script: str) -> Iterator[str]:
    """The single statements of a script; `executescript` would commit before the first."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending.strip()
            pending = ""
    if any(line and not line.startswith("--") for line in map(str.strip, pending.splitlines())):
        raise ValueError("the script ends within a statement")
