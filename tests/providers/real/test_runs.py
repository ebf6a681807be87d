"""Three vendors' agents, each run by `agentd-coord run` in one checkout, without a hook installed.

Codex is asked through its app server, the others by the Agent Client Protocol: nothing of theirs is
configured for agentd.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from agentd.cli.exit_codes import ExitCode
from tests.providers.real.clients import CODEX, GEMINI, QWEN
from tests.providers.real.dialects import Step
from tests.providers.real.scripts import codex_edit, one_after_the_other, patch
from tests.providers.real.table import APP, FILES, Ended, Table, table

CLIENTS = (CODEX, GEMINI, QWEN)
OWNERS = {client.provider: f"session-{client.provider}" for client in CLIENTS}
HOLDER = "somebody"
INTENT = "rewrite the greeting"

Runs = tuple[Table, dict[str, Ended]]


def run_all(seated: Table) -> dict[str, Ended]:
    """How the three runs ended, which began at the same time."""
    configuration = Path(seated.environment["AGENTD_HOME"]) / "config.toml"
    configuration.write_text('[agents.qwen]\nargs = ["--auth-type", "openai"]\n')
    running = {
        client.provider: seated.start_coord(
            *("run", client.provider, "change the greeting", "--json"),
            *("--owner", OWNERS[client.provider]),
            **seated.configured(client),
        )
        for client in CLIENTS
    }
    return {name: each.ended() for name, each in running.items()}


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    """The table after all three have gone for one file, and how each run ended."""
    with table(one_after_the_other) as seated:
        yield seated, run_all(seated)


@pytest.fixture(scope="module")
def held() -> Iterator[Runs]:
    """The same where somebody holds that file."""
    with table(one_after_the_other) as seated:
        somebody_holds_it(seated)
        yield seated, run_all(seated)


def somebody_holds_it(seated: Table) -> None:
    """Locks the file that all go for."""
    with seated.daemon.client() as client:
        client.acquire_resource_lock(
            resource_key=f"file:{APP}",
            owner=HOLDER,
            namespace=str(seated.repository.resolve()),
            metadata={"intent": INTENT},
            ttl_secs=600,
        )


def last(ended: Ended) -> dict[str, Any]:
    """What a run says at its end."""
    return ended.events()[-1]


def winner_of(seated: Table) -> str:
    """Whose greeting it is."""
    [winner] = re.findall(r"hello from (\w+)", seated.text(APP))
    return str(winner)


def test_exactly_one_gets_the_file(runs: Runs) -> None:
    seated, ended = runs
    winner = winner_of(seated)
    assert seated.text(APP) == FILES[APP].replace('"hello"', f'"hello from {winner}"')
    for name, each in ended.items():
        changed = [f"src/{name}_only.py"]
        assert last(each)["changed_paths"] == ([APP, *changed] if name == winner else changed)


def test_what_somebody_holds_is_refused_with_his_name(held: Runs) -> None:
    seated, ended = held
    assert seated.text(APP) == FILES[APP]
    for name, each in ended.items():
        assert (each.code, last(each)["ended"]) == (10, "refused"), last(each)["why"]
        refusals = last(each)["refusals"]
        assert refusals
        for refusal in refusals:
            assert f'is held by "{HOLDER}"' in refusal
            assert f'"{INTENT}"' in refusal
        assert last(each)["changed_paths"] == [f"src/{name}_only.py"]


def test_what_each_did_is_a_bundle_and_they_merge(runs: Runs) -> None:
    seated, _ = runs
    record = orjson.loads(seated.coord("review", "--json", "--no-record").out)
    assert {bundle["owner"] for bundle in record["bundles"]} == set(OWNERS.values())
    assert {decision["action"] for decision in record["decisions"]} == {"merge"}


def test_what_was_not_refused_is_handed_in_and_merges(held: Runs) -> None:
    seated, _ = held
    review = seated.coord("review", "--json")
    assert review.code == ExitCode.NOT_ALL_MERGE, review.err
    record = orjson.loads(review.out)
    owners = {each["bundle_id"]: each["owner"] for each in record["bundles"]}
    actions = {owners[each["bundle_id"]]: each["action"] for each in record["decisions"]}
    assert actions == {HOLDER: "wait", **dict.fromkeys(OWNERS.values(), "merge")}
    paths = {each["owner"]: each["paths"] for each in record["bundles"]}
    assert paths == {HOLDER: [APP], **{OWNERS[name]: [f"src/{name}_only.py"] for name in OWNERS}}


def test_nothing_of_theirs_is_left_running(runs: Runs) -> None:
    wanted = [f"AGENTD_SESSION_ID={owner}".encode() for owner in OWNERS.values()]
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes().split(b"\0")
        except OSError:
            continue
        assert not set(wanted) & set(environment), path


def by_exec(_: Path) -> Mapping[str, Sequence[Step]]:
    """Codex goes for a file that is locked, and for another one."""
    own = patch("*** Add File: src/own.py\n+X = 1\n")
    return {"codex": [Step(calls=[codex_edit("mine")]), Step(calls=[own]), Step("done")]}


def test_codex_exec_is_held_back_by_a_hook_of_one_start() -> None:
    with table(by_exec) as seated:
        somebody_holds_it(seated)
        ended = seated.coord(
            *("run", "codex", "change the greeting", "--via", "lines", "--json"),
            **seated.configured(CODEX),
        )
        assert ended.code == 10, ended.err
        assert "hello from" not in seated.text(APP)
        assert last(ended)["changed_paths"] == ["src/own.py"]
        assert any('is held by "somebody"' in text for text in last(ended)["refusals"])
