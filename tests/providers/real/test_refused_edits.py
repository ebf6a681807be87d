"""A refused edit becomes a bundle, by the tool that its agent has for that, and is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from agentd.cli.exit_codes import ExitCode
from tests.providers.real.clients import CODEX, GEMINI, QWEN
from tests.providers.real.dialects import Call, Step
from tests.providers.real.scripts import DONE, codex_edit, edit, read
from tests.providers.real.table import APP, FILES, GREETING, table

CHECK = "import sys; sys.path.insert(0, 'src'); import app; assert isinstance(app.ask(), str)"
POLICY = f'''[verification]
commands = ["""python3 -c "{CHECK}\""""]
'''
FIRST = GREETING.format("hello").splitlines()


def diff(line: int, new: str) -> str:
    """A patch of one line of the greeting's file, counted from 1."""
    body = [f" {text}" for text in FIRST]
    body[line - 1 : line] = [f"-{FIRST[line - 1]}", f"+{new}"]
    count = len(FIRST)
    head = f"--- a/{APP}\n+++ b/{APP}\n@@ -1,{count} +1,{count} @@\n"
    return head + "".join(f"{text}\n" for text in body)


def submit(tool: str, patch: str) -> Call:
    """A call of the tool that hands a bundle in."""
    return Call(tool, {"intent": "change the greeting", "patch": patch})


def scripts(repository: Path) -> Mapping[str, Sequence[Step]]:
    """Codex has the file; of the two others one hands in a change that does not work."""
    return {
        "codex": [Step(calls=[codex_edit("hello from codex")]), DONE],
        "gemini": [
            Step(calls=[edit("replace", repository, "hello from gemini")]),
            Step(calls=[submit("mcp_agentd_submit_bundle", diff(6, "    return ask"))]),
            DONE,
        ],
        "qwen": [
            Step(calls=[read(repository)]),
            Step(calls=[edit("edit", repository, "hello from qwen")]),
            Step(calls=[submit("mcp__agentd__submit_bundle", diff(10, '    return "see you"'))]),
            DONE,
        ],
    }


def test_refused_edits_are_handed_in_and_judged() -> None:
    with table(scripts, FILES | {".agentd/review.toml": POLICY}) as at:
        assert at.run(CODEX, "agent-codex").ended().code == ExitCode.OK
        for client in (GEMINI, QWEN):
            for what in ("hooks", "mcp"):
                variables = at.configured(client)
                installed = at.coord(what, "install", client.provider, **variables)
                assert installed.code == ExitCode.OK, installed.err
        running = [at.start(client, f"agent-{client.provider}") for client in (GEMINI, QWEN)]
        for each in running:
            assert each.ended().code == 0
        for name in ("gemini", "qwen"):
            assert 'held by "agent-codex"' in at.model.told(name).replace("\\", "")
        assert at.text(APP) == GREETING.format("hello from codex")

        record = orjson.loads(
            at.coord("review", "--apply", "--branch-name", "merged", "--json").out
        )
        owners = {each["bundle_id"]: each["owner"] for each in record["bundles"]}
        decided = {owners[each["bundle_id"]]: each["action"] for each in record["decisions"]}
        assert decided == {"agent-codex": "merge", "agent-qwen": "merge", "agent-gemini": "reject"}
        merged = at.git("show", f"merged:{APP}")
        assert merged == GREETING.format("hello from codex").replace("bye", "see you")
