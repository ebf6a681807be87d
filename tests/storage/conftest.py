"""A fresh database for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.core import Core


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    """Operations on a new database file."""
    with Core.opened(tmp_path / "state.db") as opened:
        yield opened
