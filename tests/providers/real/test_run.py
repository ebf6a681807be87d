"""`agentd-coord run` with each vendor's real agent, driven by its own protocol behind the locks."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from agentd.cli.exit_codes import ExitCode
from tests.providers.real.clients import CODEX, GEMINI, QWEN
from tests.providers.real.scripts import one_after_the_other
from tests.providers.real.table import APP, FILES, Ended, Table, table

HOLDER = "somebody-else"
CLIENTS = (CODEX, GEMINI, QWEN)
OWNERS = {client.provider: f"agent-{client.provider}" for client in CLIENTS}


@pytest.fixture(scope="module")
def seated() -> Iterator[tuple[Table, dict[str, Ended]]]:
    """Somebody holds the file that all three go for."""
    with table(one_after_the_other) as at, at.daemon.client() as client:
        client.acquire_resource_lock(
            resource_key=f"file:{APP}",
            namespace=str(at.repository),
            owner=HOLDER,
            provider="person",
            metadata={"intent": "rewrite the greeting"},
            ttl_secs=600,
        )
        running = {each.provider: at.run(each, OWNERS[each.provider]) for each in CLIENTS}
        yield at, {name: each.ended() for name, each in running.items()}


def test_they_are_refused_what_somebody_else_holds(
    seated: tuple[Table, dict[str, Ended]],
) -> None:
    at, ended = seated
    assert at.text(APP) == FILES[APP]
    for name, each in ended.items():
        assert each.code == ExitCode.SOMETHING_REFUSED, (name, each)
        assert f'held by "{HOLDER}"' in each.out
        assert '"rewrite the greeting"' in each.out


def test_their_other_work_is_handed_in_and_merges(
    seated: tuple[Table, dict[str, Ended]],
) -> None:
    at, _ = seated
    review = at.coord("review", "--json")
    assert review.code == ExitCode.SOMETHING_REFUSED, review.err
    record = orjson.loads(review.out)
    owners = {each["bundle_id"]: each["owner"] for each in record["bundles"]}
    actions = {owners[each["bundle_id"]]: each["action"] for each in record["decisions"]}
    assert actions == {HOLDER: "wait", **dict.fromkeys(OWNERS.values(), "merge")}
    paths = {each["owner"]: each["paths"] for each in record["bundles"]}
    assert paths == {HOLDER: [APP], **{OWNERS[name]: [f"src/{name}_only.py"] for name in OWNERS}}
