from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.conflicts.repo_builder import FileContent, Repo


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[[Mapping[str, FileContent]], Repo]:
    """Makes repositories, each in a directory of its own."""
    made: list[Repo] = []

    def make(files: Mapping[str, FileContent]) -> Repo:
        made.append(Repo.create(tmp_path / f"repo{len(made)}", tmp_path / "home", files))
        return made[-1]

    return make
