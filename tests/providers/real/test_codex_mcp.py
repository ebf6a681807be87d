"""The real Codex calls agentd's tools by MCP, as `agentd-coord mcp install codex` sets it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from agentd.cli.exit_codes import ExitCode
from tests.providers.real.clients import CODEX
from tests.providers.real.dialects import Call, Step
from tests.providers.real.scripts import DONE
from tests.providers.real.table import APP, FILES, table
from tests.providers.real.test_runs import HOLDER, INTENT, somebody_holds_it

SESSION = "session-c"
PATCH = f"""*** Begin Patch
*** Update File: {APP}
@@
 def leave():
-    return "bye"
+    return "see you"
*** End Patch
"""


def scripts(_: Path) -> Mapping[str, Sequence[Step]]:
    """It asks who has the file, and hands in what it may not write."""
    handed_in = {"intent": "say goodbye otherwise", "patch": PATCH}
    return {
        "codex": [
            Step(calls=[Call("mcp__agentd/who_holds", {"resource": APP})]),
            Step(calls=[Call("mcp__agentd/submit_bundle", handed_in)]),
            DONE,
        ]
    }


def wait_for_the_server(settings: Path) -> None:
    """Has Codex begin only once the server has started: this model calls faster than any real one,
    and before that Codex knows no tool of the server's."""
    text = settings.read_text()
    assert text.count("[mcp_servers.agentd]\n") == 1
    settings.write_text(
        text.replace("[mcp_servers.agentd]\n", "[mcp_servers.agentd]\nrequired = true\n")
    )


def test_codex_asks_who_holds_a_file_and_hands_a_bundle_in() -> None:
    with table(scripts) as at:
        somebody_holds_it(at)
        installed = at.coord("mcp", "install", "codex", **at.configured(CODEX))
        assert installed.code == ExitCode.OK, installed.err

        wait_for_the_server(Path(at.configured(CODEX)["CODEX_HOME"]) / "config.toml")
        ended = at.start(CODEX, SESSION).ended()
        assert ended.code == 0, ended.err
        items = [each["item"] for each in ended.events() if each["type"] == "item.completed"]
        called = {
            each["tool"]: (each["server"], each["status"], each["error"])
            for each in items
            if each["type"] == "mcp_tool_call"
        }
        assert called == {
            "who_holds": ("agentd", "completed", None),
            "submit_bundle": ("agentd", "completed", None),
        }
        told = at.model.told("codex")
        assert HOLDER in told
        assert INTENT in told

        assert at.text(APP) == FILES[APP]
        record = orjson.loads(at.coord("review", "--json", "--no-record").out)
        bundles = {each["owner"]: each for each in record["bundles"]}
        assert bundles[SESSION]["provider"] == "codex"
        assert bundles[SESSION]["paths"] == [APP]
        assert bundles[SESSION]["intent"] == "say goodbye otherwise"
