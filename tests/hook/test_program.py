"""The hook as a process, before a real daemon: who may write, and what everybody is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.client.sync_client import Client
from agentd.core.limits import RESOURCE_KEY_CHARS_MAX
from agentd.hook.call import KEY_CHARS_MAX
from agentd.hook.dialects import DIALECTS
from agentd.hook.kin import MCP_CLIENT
from tests.conflicts.repo_builder import Repo
from tests.conftest import DaemonProcess
from tests.fakes.patience import PATIENCE_SECS
from tests.hook.conftest import Hook
from tests.hook.payloads import moment, patch, write_call

OpenClient = Callable[[], Client]
PROVIDERS = list(DIALECTS)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """One home with a daemon for all of these tests: each has a repository of its own."""
    with tempfile.TemporaryDirectory(prefix="agentd-", dir="/tmp") as directory:
        daemon = DaemonProcess(Path(directory)).start()
        yield Path(directory)
        daemon.close()


def locks(client: OpenClient, repo: Repo, **params: Any) -> dict[str, dict[str, Any]]:
    """The live locks of a repository, by key."""
    query = {"namespace": str(repo.path.resolve()), **params}
    with client() as connection:
        listed = connection.call("ListResourceLocks", query)["locks"]
    return {lock["resource_key"]: lock for lock in listed}


def started_by_this_process(program: str) -> str:
    """What a program of Python prints."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return done.stdout.strip()


def remembered(home: Path, owner: str) -> Path:
    """What the hook keeps of a session."""
    return home / "hooks" / f"{owner}.json"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_first_gets_the_file_and_the_second_is_told_by_whom(
    provider: str, hook: Hook, repo: Repo, client: OpenClient
) -> None:
    first = hook("claude_code", write_call("claude_code", "s1", repo.path, "src/app.py"))
    assert (first.status, first.out) == (0, "")
    second = hook(provider, write_call(provider, "s2", repo.path, "src/app.py"))
    assert second.refusal is not None
    for part in ('"src/app.py"', '"claude_code-s1"', "from now", "edits by claude_code"):
        assert part in second.refusal
    other = hook(provider, write_call(provider, "s2", repo.path, "src/b.py"))
    assert other.refusal is None
    held = locks(client, repo)
    assert {key: lock["owner"] for key, lock in held.items()} == {
        "file:src/app.py": "claude_code-s1",
        "file:src/b.py": f"{provider}-s2",
    }
    lock = held["file:src/b.py"]
    assert lock["provider"] == provider
    assert lock["namespace"] == str(repo.path.resolve())
    assert lock["metadata"] == {
        "intent": f"edits by {provider}",
        "base_revision": f"git:{repo.git('rev-parse', 'HEAD')}",
        "enforcement": "guarded",
    }


def test_three_dialects_race_for_one_file_and_exactly_one_gets_it(
    hook: Hook, repo: Repo, client: OpenClient
) -> None:
    racers = [("codex", "a"), ("gemini", "b"), ("qwen", "c"), ("claude_code", "d")]
    for number in range(3):
        path = f"src/{number}.py"
        waiting = [hook.start(provider) for provider, _ in racers]
        for process, (provider, session) in zip(waiting, racers, strict=True):
            assert process.stdin is not None
            process.stdin.write(json.dumps(write_call(provider, session, repo.path, path)).encode())
            process.stdin.flush()
        for process in waiting:
            # Each reads its payload to the end before it acts: all ends come at once.
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        said = [hook.ended(process) for process in waiting]
        refused = [each.refusal for each in said if each.refusal is not None]
        assert len(refused) == len(racers) - 1
        winner = locks(client, repo)[f"file:{path}"]["owner"]
        assert all(f'"{winner}"' in reason for reason in refused)


def test_a_session_s_own_lock_never_refuses_it(hook: Hook, repo: Repo, home: Path) -> None:
    for session in ("again", "again", "again"):
        said = hook("gemini", write_call("gemini", session, repo.path, "src/app.py"))
        assert said.refusal is None
    # Even when the hook has forgotten that it took it.
    remembered(home, "gemini-again").write_text('[{"namespace": "cut o')
    assert hook("gemini", write_call("gemini", "again", repo.path, "src/app.py")).refusal is None


def test_a_lock_that_the_agent_took_itself_covers_its_writes(
    hook: Hook, repo: Repo, client: OpenClient
) -> None:
    with client() as connection:
        connection.call(
            "AcquireResourceLock",
            {
                "resource_key": "dir:src",
                "owner": "night-shift",
                "provider": "codex",
                "namespace": str(repo.path.resolve()),
            },
        )
    call = write_call("codex", "s1", repo.path, "src/app.py", "README.md")
    assert hook("codex", call, AGENTD_SESSION_ID="night-shift").refusal is None
    assert set(locks(client, repo)) == {"dir:src", "file:README.md"}
    refused = hook("codex", write_call("codex", "s1", repo.path, "src/app.py")).refusal
    assert refused is not None
    assert 'through its lock "dir:src"' in refused


def test_a_bundle_s_lock_of_the_session_s_branch_is_its_own(
    hook: Hook, repo: Repo, client: OpenClient
) -> None:
    with client() as connection:
        params = {"resource_key": "file:src/app.py", "owner": "agent/fix"}
        namespace = {"namespace": str(repo.path.resolve())}
        connection.call("AcquireResourceLock", {**params, **namespace})
    call = write_call("qwen", "s1", repo.path, "src/app.py")
    assert hook("qwen", call, AGENTD_SESSION_ID="me", AGENTD_BRANCH="agent/fix").refusal is None
    assert hook("qwen", call, AGENTD_SESSION_ID="me").refusal is not None


def test_what_the_agent_locked_by_a_tool_is_its_own(
    hook: Hook, repo: Repo, client: OpenClient
) -> None:
    """These tests stand for the agent's program: they start the hook."""
    here = started_by_this_process("from agentd.hook.kin import client; print(client())")
    if not here:
        pytest.skip("this system does not tell who started a process")
    with client() as connection:
        for key, process in (("dir:src", here), ("file:README.md", f"{here}0")):
            params = {"resource_key": key, "owner": "codex-mcp-1", "provider": "codex"}
            said = {"metadata": {"intent": "fix", MCP_CLIENT: process}}
            namespace = {"namespace": str(repo.path.resolve())}
            connection.call("AcquireResourceLock", {**params, **namespace, **said})
    assert hook("codex", write_call("codex", "s1", repo.path, "src/app.py")).refusal is None
    refused = hook("codex", write_call("codex", "s1", repo.path, "README.md")).refusal
    assert refused is not None, "another program's tool"
    assert '"fix"' in refused


def test_a_patch_gets_all_its_files_or_none(hook: Hook, repo: Repo, client: OpenClient) -> None:
    hook("claude_code", write_call("claude_code", "s1", repo.path, "src/b.py"))
    text = (
        "*** Begin Patch\n*** Update File: README.md\n*** Move to: src/b.py\n@@\n-old\n+new\n"
        "*** End Patch\n"
    )
    call = write_call("codex", "s2", repo.path, "x")
    call["tool_input"] = {"command": text}
    refused = hook("codex", call).refusal
    assert refused is not None
    assert '"src/b.py"' in refused
    assert set(locks(client, repo)) == {"file:src/b.py"}


def test_a_refusal_in_a_second_repository_gives_back_the_first_one_s(
    hook: Hook, repo: Repo, tmp_path: Path, client: OpenClient
) -> None:
    other = Repo.create(tmp_path / "tool", tmp_path / "user", {"src/app.py": "old\n"})
    hook("gemini", write_call("gemini", "s1", other.path, "src/app.py"))
    # The same path in another repository is another file.
    assert hook("qwen", write_call("qwen", "s2", repo.path, "src/app.py")).refusal is None
    call = write_call("codex", "s3", repo.path, "README.md", str(other.path / "src/app.py"))
    assert hook("codex", call).refusal is not None
    assert set(locks(client, repo, owner="codex-s3")) == set()


def test_a_huge_file_is_no_trouble(hook: Hook, repo: Repo, client: OpenClient) -> None:
    call = write_call("claude_code", "s1", repo.path, "src/app.py")
    call["tool_input"]["new_string"] = "x" * 8_000_000
    assert hook("claude_code", call).refusal is None
    assert set(locks(client, repo)) == {"file:src/app.py"}


@pytest.mark.parametrize(
    "name", ['q"uote', "new\nline", "ümläut", "日本語", "sp ace", "-dash", "a'b;$(x)"]
)
def test_odd_names_are_locked_as_they_are(
    name: str, hook: Hook, repo: Repo, client: OpenClient
) -> None:
    call = write_call("gemini", "s1", repo.path, name)
    assert hook("gemini", call, LC_ALL="C", LANG="C").refusal is None
    assert set(locks(client, repo)) == {f"file:{name}"}
    refused = hook("qwen", write_call("qwen", "s2", repo.path, name)).refusal
    assert refused is not None
    assert "\n" not in refused


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b", "x" * 5_000, "d/" * 600 + "f"])
def test_a_name_that_cannot_be_locked_is_refused(name: str, hook: Hook, repo: Repo) -> None:
    said = hook("qwen", write_call("qwen", "s1", repo.path, name))
    assert said.status == 2
    assert said.err
    assert "Error" not in said.err


def test_a_name_that_is_too_long_is_said_to_be(hook: Hook, repo: Repo) -> None:
    assert KEY_CHARS_MAX == RESOURCE_KEY_CHARS_MAX == 1024
    for name in ("x" * 5_000, "d/" * 3_000 + "f"):
        said = hook("qwen", write_call("qwen", "s1", repo.path, name))
        assert said.status == 2
        assert "is too long a path for a lock: 1,024 characters are the most" in said.err


def test_a_name_that_is_no_text_is_not_blamed_on_the_daemon(hook: Hook, repo: Repo) -> None:
    said = hook("qwen", write_call("qwen", "s1", repo.path, "a\udcffb"))
    assert said.status == 2
    assert "the daemon cannot read the question: not JSON" in said.err


def test_writes_outside_of_any_repository_are_not_agentd_s(
    hook: Hook, repo: Repo, tmp_path: Path, client: OpenClient
) -> None:
    call = write_call("claude_code", "s1", repo.path, str(tmp_path / "plan.md"))
    said = hook("claude_code", call)
    assert (said.status, said.out, said.err) == (0, "", "")
    assert locks(client, repo) == {}


def test_a_payload_without_a_session_is_refused_only_where_a_lock_is_needed(
    hook: Hook, repo: Repo
) -> None:
    call = write_call("codex", "", repo.path, "src/app.py")
    said = hook("codex", call)
    assert said.status == 2
    assert "names no session" in said.err
    assert hook("codex", call, AGENTD_SESSION_ID="named").refusal is None
    assert hook("codex", {**call, "tool_name": "Bash", "tool_input": {}}).refusal is None


def test_advice_alone_refuses_nothing(hook: Hook, repo: Repo, client: OpenClient) -> None:
    hook("qwen", write_call("qwen", "s1", repo.path, "src/app.py"))
    call = write_call("claude_code", "s2", repo.path, "src/app.py")
    said = hook("claude_code", call, AGENTD_HOOK_POLICY="advisory")
    assert said.refusal is None
    assert said.notice is not None
    assert '"qwen-s1"' in said.notice
    other = write_call("claude_code", "s2", repo.path, "src/b.py")
    hook("claude_code", other, AGENTD_HOOK_POLICY="advisory")
    assert locks(client, repo)["file:src/b.py"]["metadata"]["enforcement"] == "advisory"


def test_locks_are_renewed_while_the_session_works(
    hook: Hook, repo: Repo, home: Path, client: OpenClient
) -> None:
    hook("codex", write_call("codex", "busy", repo.path, "src/app.py"), "--lock-secs", "100")
    before = locks(client, repo)["file:src/app.py"]["expires_at"]
    done = moment("PostToolUse", "busy", repo.path, tool_name="Bash", tool_input={})
    hook("codex", done, "--lock-secs", "5000")
    assert locks(client, repo)["file:src/app.py"]["expires_at"] == before, "it was not due"
    kept = remembered(home, "codex-busy")
    [lease] = json.loads(kept.read_text())
    kept.write_text(json.dumps([{**lease, "renewed_at": lease["renewed_at"] - 5000}]))
    hook("codex", done, "--lock-secs", "5000")
    assert locks(client, repo)["file:src/app.py"]["expires_at"] > before + 4000


def test_a_lock_that_was_lost_is_asked_for_anew(
    hook: Hook, repo: Repo, home: Path, client: OpenClient
) -> None:
    call = write_call("codex", "lost", repo.path, "src/app.py")
    hook("codex", call)
    kept = remembered(home, "codex-lost")
    [lease] = json.loads(kept.read_text())
    with client() as connection:
        released = {"resource_key": lease["resource_key"], "lease_id": lease["lease_id"]}
        connection.call("ReleaseResourceLock", released)
    assert hook("codex", call).refusal is None
    assert locks(client, repo)["file:src/app.py"]["owner"] == "codex-lost"
    with client() as connection:
        [lease] = json.loads(kept.read_text())
        released = {"resource_key": lease["resource_key"], "lease_id": lease["lease_id"]}
        connection.call("ReleaseResourceLock", released)
    assert hook("qwen", write_call("qwen", "s2", repo.path, "src/app.py")).refusal is None
    refused = hook("codex", call).refusal
    assert refused is not None
    assert '"qwen-s2"' in refused


@pytest.mark.parametrize(
    ("provider", "event"),
    [("codex", "Stop"), ("claude_code", "SessionEnd"), ("gemini", "AfterAgent")],
)
def test_at_the_end_only_locks_of_committed_files_are_given_back(
    provider: str,
    event: str,
    hook: Hook,
    repo: Repo,
    client: OpenClient,
) -> None:
    names = ["src/app.py", "src/b.py", "new.py", "sub dir/deep/new.py", "README.md"]
    for name in names:
        assert hook(provider, write_call(provider, "ending", repo.path, name)).refusal is None
    (repo.path / "src/app.py").write_text("changed\n")
    repo.git("commit", "--quiet", "-am", "changed")
    (repo.path / "src/b.py").write_text("not committed\n")
    (repo.path / "new.py").write_text("untracked\n")
    (repo.path / "sub dir/deep").mkdir(parents=True)
    (repo.path / "sub dir/deep/new.py").write_text("untracked\n")
    ended = hook(provider, moment(event, "ending", repo.path))
    assert (ended.status, ended.out) == (0, "")
    assert set(locks(client, repo)) == {"file:src/b.py", "file:new.py", "file:sub dir/deep/new.py"}


def test_a_refusal_is_noted_with_the_session_s_task(
    hook: Hook, repo: Repo, client: OpenClient
) -> None:
    with client() as connection:
        task = connection.call("RegisterTask", {"goal": "test"})["task_id"]
    hook("qwen", write_call("qwen", "s1", repo.path, "src/app.py"))
    call = write_call("codex", "s2", repo.path, "src/app.py")
    assert hook("codex", call, AGENTD_TASK=task).refusal is not None
    with client() as connection:
        query = {"action_types": ["edit.refused"]}
        [event] = connection.call("ListEvents", query)["events"]
    assert event["task_id"] == task
    assert event["payload"]["owner"] == "codex-s2"
    assert event["payload"]["holder"] == "qwen-s1"
    assert hook("codex", call, AGENTD_TASK="no-task").refusal is not None


def test_nothing_of_the_repository_or_environment_stands_in_for_the_standard_library(
    hook: Hook, repo: Repo
) -> None:
    for name in ("json.py", "socket.py", "agentd.py", "sitecustomize.py"):
        (repo.path / name).write_text("raise SystemExit(1)\n")
    hook("qwen", write_call("qwen", "s1", repo.path, "src/app.py"))
    call = write_call("codex", "s2", repo.path, "src/app.py")
    said = hook("codex", call, at=repo.path, PYTHONPATH=str(repo.path), PYTHONSTARTUP="json.py")
    assert said.refusal is not None
    assert '"qwen-s1"' in said.refusal


def test_an_answer_that_nobody_reads_stops_the_tool(hook: Hook, repo: Repo) -> None:
    hook("qwen", write_call("qwen", "s1", repo.path, "src/app.py"))
    process = hook.start("codex")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.close()
    process.stdin.write(json.dumps(write_call("codex", "s2", repo.path, "src/app.py")).encode())
    process.stdin.close()
    assert process.wait(timeout=PATIENCE_SECS) == 2
    assert process.stderr is not None
    process.stderr.close()


def test_the_hook_is_private_about_leases(hook: Hook, repo: Repo, home: Path) -> None:
    call = write_call("codex", "../../" + "x" * 300, repo.path, "src/app.py")
    assert hook("codex", call).refusal is None
    assert os.stat(home / "hooks").st_mode & 0o777 == 0o700
    kept = list((home / "hooks").iterdir())
    assert any(each.name.startswith("sha256-") for each in kept)
    assert {os.stat(each).st_mode & 0o777 for each in kept} == {0o600}


def test_a_patch_of_very_many_files_is_refused_with_a_reason(hook: Hook, repo: Repo) -> None:
    call = write_call("codex", "s1", repo.path, *(f"f{number}" for number in range(100)))
    assert hook("codex", call).refusal is None
    call["tool_input"] = {"command": patch(*(f"g{number}" for number in range(1_001)))}
    said = hook("codex", call)
    assert said.status == 2
    assert "1000" in said.err or "1,000" in said.err
