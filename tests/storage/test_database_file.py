"""Whether a database that is open still has a name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agentd.core.storage.database import open_writer
from agentd.core.storage.database_file import DatabaseFile


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    other = path.with_name("other.db")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def delete_log(path: Path) -> None:
    path.with_name("state.db-wal").unlink()


def move(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def leave(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize(
    ("happens", "is_gone"),
    [(delete, True), (replace, True), (delete_log, True), (move, False), (leave, False)],
)
def test_a_database_is_gone_when_it_has_no_name(
    tmp_path: Path, happens: Callable[[Path], None], is_gone: bool
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    path = home / "state.db"
    with closing(open_writer(path)), closing(DatabaseFile(path)) as file:
        assert not file.is_gone()
        happens(path)
        assert file.is_gone() is is_gone
