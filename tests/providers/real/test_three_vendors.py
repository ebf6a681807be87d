"""Three vendors' agents in one checkout go for the same file at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.providers.real.clients import CODEX, GEMINI, QWEN
from tests.providers.real.scripts import all_at_once
from tests.providers.real.table import APP, GREETING, Ended, Table, table

SESSIONS = {"codex": "session-c", "gemini": "session-g", "qwen": "session-q"}


@pytest.fixture(scope="module")
def seated() -> Iterator[tuple[Table, dict[str, Ended]]]:
    """The table after all three have worked at it, and how each ended."""
    with table(all_at_once) as seated:
        for client in (CODEX, GEMINI, QWEN):
            variables = seated.configured(client)
            installed = seated.coord("hooks", "install", client.provider, **variables)
            assert installed.code == 0, installed.err
        running = {
            client.provider: seated.start(client, SESSIONS[client.provider])
            for client in (CODEX, GEMINI, QWEN)
        }
        yield seated, {name: each.ended() for name, each in running.items()}


def winner_of(seated: Table) -> str:
    """Whose greeting it is."""
    greeting = seated.text(APP).splitlines()[1]
    return greeting.rstrip('"').rpartition(" ")[2]


def test_exactly_one_gets_the_file(seated: tuple[Table, dict[str, Ended]]) -> None:
    at, _ = seated
    winner = winner_of(at)
    assert at.text(APP) == GREETING.format(f"hello from {winner}")
    with at.daemon.client() as client:
        holders = {
            lock.owner
            for lock in client.list_resource_locks().locks
            if lock.resource_key == f"file:{APP}"
        }
    assert holders == {SESSIONS[winner]}


def test_the_others_are_told_who_holds_it(seated: tuple[Table, dict[str, Ended]]) -> None:
    at, _ = seated
    winner = winner_of(at)
    for loser in SESSIONS.keys() - {winner}:
        told = at.model.told(loser)
        assert SESSIONS[winner] in told
        assert "patch bundle" in told


def test_all_do_their_other_work(seated: tuple[Table, dict[str, Ended]]) -> None:
    at, ended = seated
    assert {name: each.code for name, each in ended.items()} == dict.fromkeys(SESSIONS, 0)
    for name in SESSIONS:
        assert at.text(f"src/{name}_only.py").endswith("= 1\n")
