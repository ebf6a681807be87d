"""The hook where something is wrong: every way out is an answer."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentd.client.sync_client import Client
from agentd.hook.dialects import DIALECTS
from tests.conflicts.repo_builder import Repo
from tests.conftest import StartProcess
from tests.fakes.many_locks import lock_many
from tests.fakes.patience import PATIENCE_SECS
from tests.hook.conftest import Hook
from tests.hook.payloads import moment, write_call

OpenClient = Callable[[], Client]
PROVIDERS = list(DIALECTS)


def test_who_named_no_repository_is_respected(
    hook: Hook, repo: Repo, daemon_process: StartProcess, client: OpenClient
) -> None:
    daemon_process()
    with client() as connection:
        connection.call(
            "AcquireResourceLock",
            {"resource_key": "dir:src", "owner": "script", "metadata": {"intent": "format"}},
        )
    refused = hook("qwen", write_call("qwen", "s1", repo.path, "src/app.py")).refusal
    assert refused is not None
    assert '"script"' in refused
    assert '"format"' in refused
    assert hook("qwen", write_call("qwen", "s1", repo.path, "README.md")).refusal is None


def test_of_very_many_locks_none_is_overlooked(
    hook: Hook, repo: Repo, daemon_process: StartProcess, client: OpenClient
) -> None:
    daemon_process()
    namespace = str(repo.path.resolve())
    with client() as connection:
        lock_many(connection, "dir:src", owner="script")
        lock_many(connection, "dir:docs", owner="night-shift", namespace=namespace)
    refused = hook("codex", write_call("codex", "s1", repo.path, "src/app.py")).refusal
    assert refused is not None
    assert '"script"' in refused
    call = write_call("codex", "s1", repo.path, "docs/a.md")
    assert hook("codex", call, AGENTD_SESSION_ID="night-shift").refusal is None
    assert hook("codex", call).refusal is not None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_daemon_lets_the_write_through_and_says_so(
    provider: str, hook: Hook, repo: Repo
) -> None:
    said = hook(provider, write_call(provider, "s1", repo.path, "src/app.py"))
    assert said.refusal is None
    assert "NOT guarded" in said.err
    assert said.notice is not None
    assert "no daemon listens" in said.notice
    strict = hook(
        provider, write_call(provider, "s1", repo.path, "src/app.py"), "--policy", "strict"
    )
    assert strict.status == 2
    assert "no daemon listens" in strict.err


def test_a_daemon_that_went_away_counts_as_none(hook: Hook, repo: Repo, home: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(home / "agentd.sock"))
    said = hook("codex", write_call("codex", "s1", repo.path, "src/app.py"))
    assert (said.refusal, "NOT guarded" in said.err) == (None, True)


@pytest.mark.parametrize("provider", ["codex", "antigravity"])
def test_a_daemon_that_hangs_refuses_within_the_second(
    provider: str, installed_hook: Hook, repo: Repo, daemon_process: StartProcess
) -> None:
    daemon = daemon_process()
    daemon.signal(signal.SIGSTOP)
    try:
        call = write_call(provider, "s1", repo.path, "src/app.py")
        said = installed_hook(provider, call)
        assert said.status == 2
        assert "does not answer" in said.err
        assert installed_hook(provider, call, "--policy", "advisory").status == 0
        # What writes no file is not held up by it.
        idle = {**call, "tool_name": "run_shell_command", "toolCall": {"name": "x", "args": {}}}
        assert installed_hook(provider, idle).refusal is None
    finally:
        daemon.signal(signal.SIGCONT)


def test_a_home_that_cannot_be_used_is_named(
    hook: Hook, repo: Repo, home: Path, daemon_process: StartProcess
) -> None:
    daemon_process()
    (home / "hooks").write_text("in the way")
    call = write_call("claude_code", "s1", repo.path, "src/app.py")
    refused = hook("claude_code", call).refusal
    assert refused is not None
    assert f"{home}/hooks/claude_code-s1.json: File exists" in refused
    assert "AGENTD_HOME" in refused
    assert "Error" not in refused
    assert hook("claude_code", call, "--policy", "advisory").status == 0


def test_what_answers_nonsense_refuses(hook: Hook, repo: Repo, home: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(home / "agentd.sock"))
        server.listen()
        process = hook.start("codex")
        assert process.stdin is not None
        process.stdin.write(json.dumps(write_call("codex", "s", repo.path, "a.py")).encode())
        process.stdin.close()
        process.stdin = None
        connection, _ = server.accept()
        with connection:
            connection.sendall(b'HTTP/1.1 200 OK\r\n\r\n{"id": 0, "result": null}\n')
            out, err = process.communicate(timeout=PATIENCE_SECS)
    assert (process.returncode, out) == (2, b"")
    assert b"no agentd" in err


GARBAGE = [b"", b"garbage", b"[1]", b"{}", b"\xff\x00"]


@pytest.mark.parametrize(
    ("provider", "data"),
    # What has no toolCall is some other event to Antigravity.
    [
        (provider, data)
        for provider in PROVIDERS
        for data in GARBAGE
        if (provider, data) != ("antigravity", b"{}")
    ],
    ids=repr,
)
def test_garbage_is_refused_on_purpose(provider: str, data: bytes, hook: Hook) -> None:
    said = hook(provider, data)
    assert said.status == 2
    assert "refused" in said.err
    lenient = hook(provider, data, AGENTD_HOOK_POLICY="advisory")
    assert lenient.refusal is None


def test_an_input_that_never_ends_is_refused_in_time(installed_hook: Hook) -> None:
    process = installed_hook.start("claude_code")
    # Its standard input stays open until it has ended by itself.
    assert process.wait(timeout=PATIENCE_SECS) == 2
    assert process.stderr is not None
    assert b"within" in process.stderr.read()
    process.communicate()


@pytest.mark.parametrize("provider", ["codex", "claude_code", "gemini", "qwen"])
def test_a_session_s_start_shows_whether_the_gate_is_live(
    provider: str, hook: Hook, repo: Repo, daemon_process: StartProcess
) -> None:
    start = moment("SessionStart", "s1", repo.path, source="startup")
    without = hook(provider, start)
    assert without.status == 0
    assert without.notice is not None
    assert "NOT guarded" in without.notice
    daemon_process()
    said = json.loads(hook(provider, start).out)["hookSpecificOutput"]
    assert said["hookEventName"] == "SessionStart"
    assert "agentd-coord bundle" in said["additionalContext"]


def test_wrong_usage_is_explained(hook: Hook) -> None:
    said = hook("copilot", b"{}")
    assert said.status == 2
    assert "usage: agentd-hook" in said.err
    assert "usage: agentd-hook" in hook("--help", b"").out


def test_the_console_script_is_the_same_program(hook: Hook) -> None:
    script = Path(sys.executable).with_name("agentd-hook")
    done = subprocess.run([script, "codex"], input=b"x", capture_output=True, check=False)
    assert done.returncode == 2
    assert b"no JSON" in done.stderr
