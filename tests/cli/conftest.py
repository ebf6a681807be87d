"""A repository to review, and the two commands run as a user runs them: in a process."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon, private_environment, running_daemon
from tests.fakes.forked_commands import ForkedCommands
from tests.fakes.git_identity import ALWAYS_THEN, SOMEBODY
from tests.fakes.patience import PATIENCE_SECS

PRICING = "shop/pricing.py"
SHIPPING = "    return SHIPPING\n"


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


Command = Callable[..., Ended]


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a short path, for a home, a repository and worktrees."""
    with tempfile.TemporaryDirectory(prefix="agentd-", dir="/tmp") as path:
        yield Path(path).resolve()


@pytest.fixture
def environment(directory: Path) -> dict[str, str]:
    """A user who has configured nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {
        **private_environment(kept, directory / "home"),
        "HOME": str(directory),
        **SOMEBODY,
        **ALWAYS_THEN,
        "COLUMNS": "100",
    }


@pytest.fixture
def shop(directory: Path, environment: dict[str, str]) -> ShopRepository:
    """The demo's repository; its policy asks for the tests to pass."""
    repository = ShopRepository(directory / "shop", environment)
    repository.create()
    return repository


@pytest.fixture
def daemon(environment: dict[str, str], commands: ForkedCommands) -> Iterator[StartedDaemon]:
    """A daemon in a process of its own."""
    program = commands.daemon(environment)
    with running_daemon(environment, start_secs=PATIENCE_SECS, program=program) as started:
        yield started


@pytest.fixture
def coord(shop: ShopRepository, environment: dict[str, str], commands: ForkedCommands) -> Command:
    """Runs `agentd-coord` in the repository, or `at` another place."""

    def run(*arguments: str, at: Path | None = None, **variables: str) -> Ended:
        done = commands.run(arguments, at or shop.path, {**environment, **variables})
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


def branch_with(shop: ShopRepository, name: str, path: str, old: str, new: str) -> None:
    """A branch off main that replaces a text in a file."""
    worktree = shop.path.parent / "worktrees" / name.replace("/", "-")
    shop.add_worktree(worktree)
    shop.git("checkout", "--quiet", "-b", name, at=worktree)
    shop.replace(worktree, path, old, new)
    shop.commit(worktree, f"Work of {name}")
