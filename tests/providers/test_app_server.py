"""Codex's app server is answered file by file: locked first, or declined with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from agentd.providers.adapter import Transport
from agentd.providers.agent_events import AgentEvent, Attention, Failure, Progress, Spending
from agentd.providers.codex import ADAPTER
from agentd.providers.codex_notifications import Notifications
from agentd.providers.lock_gate import Policy
from agentd.providers.outcome import Ended
from tests.conftest import RunningDaemon
from tests.providers.conftest import Ran, Stage
from tests.providers.streams import FIXTURES, tally_of

APP = "src/app.py"
DONE = {"end": "completed"}


@pytest.fixture
def stage(top: Path, home: Path, running_daemon: RunningDaemon) -> Stage:
    """A repository and a daemon."""
    return Stage(top, home, running_daemon.socket_path)


async def play(stage: Stage, *steps: Mapping[str, object], **options: Any) -> Ran:
    """A turn with these steps."""
    return await stage.play(
        ADAPTER,
        Transport.APP_SERVER,
        "app_server.py",
        steps,
        **options,
    )


async def locked(daemon: RunningDaemon, top: Path, key: str, **more: object) -> None:
    """Has somebody else lock a key."""
    client = await daemon.client()
    params = {"resource_key": key, "owner": "gemini-b", "provider": "gemini", **more}
    params.setdefault("namespace", str(top))
    params.setdefault("metadata", {"intent": "rename the greeting"})
    assert await client.call("AcquireResourceLock", **params) is not None


async def test_a_change_is_written_once_its_lock_is_held(
    stage: Stage, running_daemon: RunningDaemon
) -> None:
    ran = await play(stage, {"edit": {APP: "new\n", "NOTES.md": "n\n"}}, {"say": "Edited."}, DONE)
    assert ran.outcome.ended is Ended.DONE
    assert ran.outcome.why == "Edited."
    assert (stage.top / APP).read_text() == "new\n"
    assert ran.answers_to("item/fileChange/requestApproval") == [{"decision": "accept"}]
    listed = await (await running_daemon.client()).call("ListResourceLocks", owner="codex-1")
    held = {lock["resource_key"]: lock for lock in listed["locks"]}
    assert set(held) == {"file:NOTES.md", f"file:{APP}"}
    assert held[f"file:{APP}"]["namespace"] == str(stage.top)
    assert held[f"file:{APP}"]["metadata"]["intent"] == "edit the greeting"
    assert ran.end.exit_code == 0
    assert not ran.end.warnings


async def test_it_is_started_so_that_every_change_asks(stage: Stage) -> None:
    ran = await play(stage, DONE)
    (started,) = ran.answers_to("thread/start")
    assert started["approvalPolicy"] == "on-request"
    assert started["sandbox"] == "read-only"
    assert started["cwd"] == str(stage.top)
    assert ran.answers_to("prompt") == ["edit the greeting"]


async def test_what_another_holds_is_declined_with_the_reason_and_the_rest_goes_on(
    stage: Stage, running_daemon: RunningDaemon
) -> None:
    await locked(running_daemon, stage.top, f"file:{APP}")
    ran = await play(stage, {"edit": {APP: "new\n"}}, {"edit": {"src/own.py": "own\n"}}, DONE)
    assert ran.outcome.ended is Ended.REFUSED
    assert (stage.top / APP).read_text() == 'print("hello")\n'
    assert (stage.top / "src/own.py").read_text() == "own\n"
    (steered,) = ran.answers_to("steered")
    assert steered == ran.refusals[0]
    assert '"src/app.py" is held by "gemini-b" (provider "gemini")' in steered
    assert 'quoted: "rename the greeting"' in steered
    assert "patch bundle" in steered


async def test_a_model_that_does_not_listen_is_told_once_and_stopped(
    stage: Stage, running_daemon: RunningDaemon
) -> None:
    await locked(running_daemon, stage.top, f"file:{APP}")
    ran = await play(stage, *([{"edit": {APP: "new\n"}}] * 20), {"end": "interrupted"})
    answers = [each["decision"] for each in ran.answers_to("item/fileChange/requestApproval")]
    assert answers == ["decline"] * 19 + ["cancel"]
    assert len(ran.answers_to("steered")) == 1
    assert ran.outcome.ended is Ended.FAILED


async def test_all_files_of_a_change_or_none(stage: Stage, running_daemon: RunningDaemon) -> None:
    await locked(running_daemon, stage.top, "file:b.py")
    ran = await play(stage, {"edit": {"a.py": "a\n", "b.py": "b\n"}}, DONE)
    assert len(ran.refusals) == 1
    assert not (stage.top / "a.py").exists()
    listed = await (await running_daemon.client()).call("ListResourceLocks", owner="codex-1")
    assert listed["locks"] == []


async def test_the_new_name_of_a_moved_file_counts(
    stage: Stage, running_daemon: RunningDaemon
) -> None:
    await locked(running_daemon, stage.top, "file:src/moved.py")
    ran = await play(stage, {"move": [APP, "src/moved.py"]}, DONE)
    assert '"src/moved.py" is held' in ran.refusals[0]
    assert (stage.top / APP).exists()


@pytest.mark.parametrize("key", ["dir:src", f"file:{APP}"])
async def test_a_lock_without_a_namespace_counts(
    key: str, stage: Stage, running_daemon: RunningDaemon
) -> None:
    await locked(running_daemon, stage.top, key, namespace="")
    ran = await play(stage, {"edit": {APP: "new\n"}}, DONE)
    assert "is held by" in ran.refusals[0]


async def test_what_its_own_name_holds_already_is_no_hindrance(
    stage: Stage, running_daemon: RunningDaemon
) -> None:
    await locked(running_daemon, stage.top, "dir:src", owner="codex-1")
    ran = await play(stage, {"edit": {APP: "one\n", "other.md": "x\n"}}, DONE)
    assert ran.refusals == []
    assert (stage.top / APP).read_text() == "one\n"


async def test_a_second_change_of_a_file_needs_no_second_lock(stage: Stage) -> None:
    ran = await play(stage, {"edit": {APP: "one\n"}}, {"edit": {APP: "two\n"}}, DONE)
    assert ran.refusals == []
    assert (stage.top / APP).read_text() == "two\n"


@pytest.mark.parametrize(
    "path", ["../outside.py", ".git/hooks/pre-commit", "/etc/motd", "link/x.py"]
)
async def test_nothing_outside_of_the_worktree_is_allowed(path: str, stage: Stage) -> None:
    (stage.top / "link").symlink_to(stage.home)
    ran = await play(stage, {"edit": {path: "x\n"}}, DONE)
    assert "is no file of the worktree" in ran.refusals[0]
    assert ran.outcome.ended is Ended.REFUSED


async def test_a_command_stays_in_the_sandbox_unless_allowed(stage: Stage) -> None:
    ran = await play(stage, {"run": "touch x"}, DONE)
    assert ran.answers_to("item/commandExecution/requestApproval") == [{"decision": "decline"}]
    assert ran.refusals == ["agentd: no command may run outside of the sandbox here: touch x"]
    allowed = await play(stage, {"run": "touch x"}, DONE, owner="codex-2", allow_shell=True)
    assert allowed.answers_to("item/commandExecution/requestApproval") == [{"decision": "accept"}]


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("item/tool/requestUserInput", {"answers": {}}),
        ("mcpServer/elicitation/request", {"action": "decline", "content": None}),
        ("item/permissions/requestApproval", {"code": -32601}),
        ("item/fileChange/requestApproval", {"decision": "decline"}),
    ],
)
async def test_what_nobody_can_answer(method: str, answer: dict[str, object], stage: Stage) -> None:
    ran = await play(stage, {"ask": [method, {"itemId": "unknown"}]}, DONE)
    (given,) = ran.answers_to(method)
    assert given.items() >= answer.items()
    assert len(ran.refusals) == 1


async def test_leave_to_write_a_whole_directory_is_not_given(stage: Stage) -> None:
    ask = ["item/fileChange/requestApproval", {"itemId": "item-1", "grantRoot": str(stage.top)}]
    ran = await play(stage, {"ask": ask}, DONE)
    assert ran.answers_to("item/fileChange/requestApproval") == [{"decision": "decline"}]
    assert "file by file" in ran.refusals[0]


async def test_without_a_daemon_it_goes_on_and_says_so_once(top: Path, home: Path) -> None:
    stage = Stage(top, home, home / "nobody.sock")
    ran = await play(stage, {"edit": {APP: "new\n"}}, {"edit": {"b.py": "b\n"}}, DONE)
    assert ran.outcome.ended is Ended.DONE
    notices = [event.text for event in ran.events if isinstance(event, Attention)]
    assert len(notices) == 1
    assert "NOT guarded" in notices[0]
    strict = await play(
        stage, {"edit": {APP: "newer\n"}}, DONE, owner="codex-2", policy=Policy.STRICT
    )
    assert strict.outcome.ended is Ended.REFUSED
    assert (top / APP).read_text() == "new\n"


async def test_an_advisory_policy_tells_and_refuses_nothing(
    stage: Stage, running_daemon: RunningDaemon
) -> None:
    await locked(running_daemon, stage.top, f"file:{APP}")
    ran = await play(stage, {"edit": {APP: "new\n"}}, DONE, policy=Policy.ADVISORY)
    assert ran.outcome.ended is Ended.DONE
    assert (stage.top / APP).read_text() == "new\n"
    assert any("is held by" in each.text for each in ran.events if isinstance(each, Attention))


@pytest.mark.parametrize(
    ("status", "why"),
    [("failed", "the model is away"), ("interrupted", "its turn ended as interrupted")],
)
async def test_a_turn_that_does_not_complete(status: str, why: str, stage: Stage) -> None:
    ran = await play(stage, {"end": status})
    assert (ran.outcome.ended, ran.outcome.why) == (Ended.FAILED, why)


async def test_a_server_that_leaves_before_the_end(stage: Stage) -> None:
    ran = await play(stage, {"leave": 0})
    assert ran.outcome.ended is Ended.FAILED
    assert ran.outcome.why == "its app server ended before its turn did"


async def test_garbage_is_kept_in_the_log_and_counted(stage: Stage) -> None:
    odd = ['{"method":"new/thing","params":{}}', "not json", '{"id":99,"result":{}}', "[]", "{}"]
    ran = await play(stage, *({"raw": line} for line in odd), DONE)
    assert ran.outcome.ended is Ended.DONE
    assert ran.end.warnings == (
        "2 lines of its output skipped: no JSON object",
        "3 lines of its output skipped: of unknown kinds (new/thing, without a kind)",
    )
    assert all(line in ran.log for line in odd)


async def test_the_time_is_over(stage: Stage) -> None:
    ran = await play(stage, {"say": "hm"}, {"hang": True}, timeout_secs=2.0)
    assert ran.outcome.ended is Ended.FAILED
    assert ran.outcome.why == "it was ended because 2 s were over"


@pytest.mark.parametrize("name", ["accept", "decline", "cancel"])
def test_recorded_conversations(name: str) -> None:
    notifications = Notifications()
    events: list[AgentEvent] = []
    paths: list[tuple[str, ...]] = []
    for line in (FIXTURES / f"codex_appserver_{name}.jsonl").read_bytes().splitlines():
        record = orjson.loads(line)
        message = record["msg"]
        if record["dir"] != "<" or "method" not in message:
            continue
        if message["method"] == "item/fileChange/requestApproval":
            paths.append(notifications.paths_of(message["params"]["itemId"]))
        elif "id" not in message:
            read = notifications.read(message["method"], message["params"])
            assert read is not None, message["method"]
            events += read
    assert paths == [("/lab/repo1/src/app.py",)]
    outcome = tally_of(events).outcome(0)
    assert outcome.ended is (Ended.FAILED if name == "cancel" else Ended.DONE)
    spent = [event for event in events if isinstance(event, Spending)]
    assert spent[0].usage.prompt_tokens == 100
    assert any(isinstance(event, Progress) and event.text == "done" for event in events) or (
        name == "cancel" and any(isinstance(event, Failure) for event in events)
    )
