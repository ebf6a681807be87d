"""An agent that speaks the Agent Client Protocol is answered by the locks.

The stand-in is built on the protocol's official SDK, so that the two ends were not written alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from agentd.providers import acp_updates
from agentd.providers.adapter import Transport
from agentd.providers.agent_events import AgentEvent, Progress
from agentd.providers.gemini import ADAPTER
from agentd.providers.outcome import Ended
from tests.conftest import RunningDaemon
from tests.providers.conftest import Ran, Stage
from tests.providers.streams import FIXTURES, tally_of
from tests.providers.test_app_server import locked

APP = "src/app.py"


@pytest.fixture
def stage(top: Any, home: Any, running_daemon: RunningDaemon) -> Stage:
    """A repository and a daemon."""
    return Stage(top, home, running_daemon.socket_path)


async def play(stage: Stage, *steps: Mapping[str, object], **options: Any) -> Ran:
    """A session with these steps."""
    return await stage.play(ADAPTER, Transport.ACP, "acp_agent.py", steps, **options)


async def test_an_edit_is_allowed_and_written_once_its_lock_is_held(
    stage: Stage, running_daemon: RunningDaemon
) -> None:
    ran = await play(stage, {"say": "I will."}, {"edit": {APP: "new\n", "new/n.md": "n\n"}})
    assert ran.outcome.ended is Ended.DONE, ran.log
    assert ran.answers_to("permission") == [[APP, "once"], ["new/n.md", "once"]]
    assert (stage.top / APP).read_text() == "new\n"
    assert (stage.top / "new/n.md").read_text() == "n\n"
    assert Progress("I will.") in ran.events
    assert ran.answers_to("prompt") == ["edit the greeting"]
    listed = await (await running_daemon.client()).call("ListResourceLocks", owner="codex-1")
    assert {lock["resource_key"] for lock in listed["locks"]} == {f"file:{APP}", "file:new/n.md"}


async def test_it_is_put_into_the_mode_in_which_it_asks(stage: Stage) -> None:
    ran = await play(stage)
    assert ran.answers_to("mode") == ["default"]
    assert ran.answers_to("initialize") == [1]


async def test_what_another_holds_is_rejected_and_the_model_is_told_why(
    stage: Stage, running_daemon: RunningDaemon
) -> None:
    await locked(running_daemon, stage.top, f"file:{APP}")
    ran = await play(
        stage,
        {"edit": {APP: "new\n"}, "stop_on_reject": True},
        {"edit": {"own.py": "own\n"}},
    )
    assert ran.outcome.ended is Ended.REFUSED
    assert ran.answers_to("permission") == [[APP, "no"], ["own.py", "once"]]
    assert (stage.top / APP).read_text() == 'print("hello")\n'
    assert (stage.top / "own.py").read_text() == "own\n"
    first, second = ran.answers_to("prompt")
    assert first == "edit the greeting"
    assert '"src/app.py" is held by "gemini-b"' in second
    assert second == ran.refusals[0]


async def test_it_is_not_told_the_same_for_ever(
    stage: Stage, running_daemon: RunningDaemon
) -> None:
    await locked(running_daemon, stage.top, f"file:{APP}")
    steps = [{"edit": {APP: "new\n"}, "stop_on_reject": True}] * 10
    ran = await play(stage, *steps)
    assert len(ran.answers_to("prompt")) == 2
    assert ran.outcome.ended is Ended.REFUSED


async def test_a_write_without_a_question_is_held_back_too(
    stage: Stage, running_daemon: RunningDaemon
) -> None:
    await locked(running_daemon, stage.top, f"file:{APP}")
    ran = await play(stage, {"write": {APP: "new\n", "own.py": "own\n"}})
    (refused, written) = ran.answers_to("write")
    assert refused[:2] == [APP, -32001]
    assert "is held by" in refused[2]
    assert written == ["own.py", 0, ""]
    assert (stage.top / APP).read_text() == 'print("hello")\n'


async def test_a_deletion_is_an_edit(stage: Stage, running_daemon: RunningDaemon) -> None:
    await locked(running_daemon, stage.top, f"file:{APP}")
    ran = await play(stage, {"delete": APP}, {"delete": "own.py"})
    assert ran.answers_to("permission") == [[APP, "no"], ["own.py", "once"]]


async def test_commands_are_rejected_unless_allowed(stage: Stage) -> None:
    ran = await play(stage, {"run": "make"}, {"ask": "fetch"}, {"ask": "read"})
    assert [chosen for _, chosen in ran.answers_to("permission")] == ["no", "no", "once"]
    assert len(ran.refusals) == 2
    allowed = await play(stage, {"run": "make"}, owner="codex-2", allow_shell=True)
    assert allowed.answers_to("permission") == [["make", "once"]]


async def test_an_edit_that_names_no_file_is_rejected(stage: Stage) -> None:
    ran = await play(stage, {"ask": "edit"})
    assert ran.answers_to("permission") == [["edit", "no"]]
    assert "names no file" in ran.refusals[0]


async def test_reading(stage: Stage) -> None:
    (stage.top / "many.txt").write_text("1\n2\n3\n4\n")
    (stage.top / "bytes.bin").write_bytes(b"\xff")
    ran = await play(
        stage,
        {"read": APP},
        {"read": "missing.py"},
        {"read": "many.txt", "line": 2, "limit": 2},
        {"read": "bytes.bin"},
        {"read": "../secret"},
        {"read": "src"},
    )
    answers = {path: (code, text) for path, code, text in ran.answers_to("read")}
    assert answers[APP] == (0, 'print("hello")\n')
    assert answers["missing.py"] == (0, "")
    assert answers["many.txt"] == (0, "2\n3\n")
    for path in ("bytes.bin", "../secret", "src"):
        assert answers[path][0] == -32001


@pytest.mark.parametrize("path", ["../x.py", "/etc/motd", ".git/config"])
async def test_nothing_outside_of_the_worktree_is_written(path: str, stage: Stage) -> None:
    ran = await play(stage, {"write": {path: "x\n"}})
    ((_, code, _),) = ran.answers_to("write")
    assert code == -32001


async def test_a_turn_that_is_cut_off(stage: Stage) -> None:
    ran = await play(stage, {"stop": "max_tokens"})
    assert (ran.outcome.ended, ran.outcome.why) == (
        Ended.FAILED,
        "its turn ended as max_tokens",
    )


async def test_garbage_is_counted(stage: Stage) -> None:
    odd = ["nonsense", '{"jsonrpc":"2.0","method":"session/odd","params":3}', '{"id":7}']
    ran = await play(stage, *({"raw": line} for line in odd))
    assert ran.outcome.ended is Ended.DONE
    assert len(ran.end.warnings) == 2


@pytest.mark.parametrize(
    ("name", "tokens", "written", "paths"),
    [
        ("gemini_acp_allow", 406, 80, ["/lab/grepo/src/app.py", "/lab/grepo/NOTES.md"]),
        ("gemini_acp_locked", 406, 80, ["/lab/grepo/src/app.py"]),
        ("gemini_acp_reject", 406, 80, ["/lab/grepo/src/app.py"]),
        ("qwen_acp_allow", 400, 80, ["/lab/qrepo/src/app.py"]),
        ("opencode_acp_allow", 100, 20, ["/lab/qrepo/src/app.py"]),
    ],
)
def test_recorded_conversations(name: str, tokens: int, written: int, paths: list[str]) -> None:
    events: list[AgentEvent] = []
    asked: list[str] = []
    for line in (FIXTURES / f"{name}.jsonl").read_bytes().splitlines():
        record = orjson.loads(line)
        message = record["msg"]
        if record["dir"] != "<":
            continue
        if message.get("method") == "session/request_permission":
            asked += acp_updates.written_paths(message["params"]["toolCall"]) or ()
        elif "method" in message and "id" not in message:
            read = acp_updates.read(message["method"], message["params"])
            assert read is not None, line
            events += read
        elif "stopReason" in message.get("result", {}):
            events += acp_updates.turn_ended(message["result"])
    assert set(asked) <= set(paths)
    assert asked
    tally = tally_of(events)
    assert (tally.usage.prompt_tokens, tally.usage.completion_tokens) == (tokens, written)
    assert tally.outcome(0).ended is Ended.DONE
