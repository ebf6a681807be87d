"""A repository with the guard in it, a daemon, and git as a user runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon
from tests.cli.conftest import Command, coord, daemon, directory, environment, shop
from tests.fakes.patience import PATIENCE_SECS

__all__ = ["coord", "daemon", "directory", "environment", "shop"]


@dataclass(frozen=True)
class Ended:
    """How git ended."""

    code: int
    said: str


Git = Callable[..., Ended]


@pytest.fixture
def git(shop: ShopRepository, environment: dict[str, str]) -> Git:
    """Runs git in the repository, or `at` another place."""

    def run(*arguments: str, at: Path | None = None, **variables: str) -> Ended:
        done = subprocess.run(
            ["git", *arguments],
            cwd=at or shop.path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=PATIENCE_SECS,
        )
        return Ended(done.returncode, done.stdout + done.stderr)

    return run


@pytest.fixture
def guarded(shop: ShopRepository, coord: Command) -> Path:
    """The repository, with the guard installed."""
    done = coord("guard", "install")
    assert done.code == 0, done.err
    return shop.path


def lock(
    daemon: StartedDaemon,
    key: str,
    owner: str = "codex-a",
    *,
    namespace: Path | str = "",
    intent: str = "retry policy",
) -> None:
    """Somebody locks something."""
    with daemon.client() as client:
        granted = client.acquire_resource_lock(
            resource_key=key,
            owner=owner,
            provider="openai",
            namespace=str(namespace),
            metadata={"intent": intent},
        )
    assert granted is not None
