"""The steps of the schema, and that they add up to `schema.sql`."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentd.core.storage import migrations
from agentd.core.storage.database import open_writer
from agentd.core.storage.migrations import MIGRATIONS, Migration, migrate, schema_text, statements

Schema = dict[tuple[str, str], str]


def schema_of(connection: sqlite3.Connection) -> Schema:
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {(kind, name): _plain(sql) for kind, name, sql in rows if not name.startswith("sqlite_")}


def _plain(sql: str) -> str:
    """A statement without comments, spacing and the quotes that ALTER TABLE adds."""
    return re.sub(r"\s+", " ", re.sub(r"--.*", "", sql)).replace('"', "").strip()


def test_the_steps_add_up_to_the_schema(tmp_path: Path) -> None:
    with (
        closing(open_writer(tmp_path / "migrated.db")) as migrated,
        closing(sqlite3.connect(":memory:")) as described,
    ):
        described.executescript(schema_text())
        assert schema_of(migrated) == schema_of(described)
        assert len(schema_of(migrated)) > 20


def test_the_steps_are_applied_once(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(open_writer(path)) as connection:
        assert migrate(connection) == []
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as connection:
        assert migrate(connection) == list(MIGRATIONS)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_step_that_fails_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    open_writer(path).close()
    version = len(MIGRATIONS)
    good = Migration(version + 1, "good", "CREATE TABLE added (x);")
    bad = Migration(version + 2, "bad", "CREATE TABLE half (x);\nCREATE TABLE half (x);")
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, good, bad))
    monkeypatch.setattr(migrations, "LATEST_VERSION", version + 2)
    with pytest.raises(sqlite3.OperationalError):
        open_writer(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version + 1,)
        tables = {name for _, name in schema_of(connection)}
        assert "added" in tables
        assert "half" not in tables


def test_a_script_is_split_into_whole_statements() -> None:
    script = """-- a comment; with a semicolon
    CREATE TABLE a (x);
    CREATE TRIGGER t AFTER INSERT ON a BEGIN
        UPDATE a SET x = 1; -- inside
    END;
    -- the end
    """
    table, trigger = statements(script)
    assert table.endswith("CREATE TABLE a (x);")
    assert trigger.startswith("CREATE TRIGGER")
    assert trigger.endswith("END;")


def test_a_script_that_ends_within_a_statement_is_refused() -> None:
    with pytest.raises(ValueError, match="ends within"):
        list(statements("CREATE TABLE a (x);\nCREATE TABLE b (x)"))
