"""The DeepSeek loop: four nodes, worker processes, a model that is not there, and crashes."""

from __future__ import annotations

import json
import os
import py_compile
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentd.client.autostart import StartedDaemon, private_environment, running_daemon
from agentd.client.sync_client import Client
from agentd.settings import process_environment
from examples.deepseek_agent_loop import NODES, STEPS, make_repository
from tests.fakes.forked_commands import ForkedCommands
from tests.fakes.model_server import Reply, answer, refusal, serving
from tests.fakes.patience import PATIENCE_SECS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LOOP = EXAMPLES / "deepseek_agent_loop.py"
WORKER = EXAMPLES / "deepseek_loop" / "worker.py"
STAND_IN = EXAMPLES / "deepseek_loop" / "stand_in.py"
KEY = "sk-0123456789abcdef0123"

ARTIFACTS = {"worker.py", "ipc-contract.md", "review.md", "summary.md"}


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """A user's who has set nothing."""
    clean = {
        name: value
        for name, value in process_environment().items()
        if not name.startswith("DEEPSEEK_")
    }
    return {**private_environment(clean, home), "AGENTD_SWEEP_SECS": "0.2"}


@pytest.fixture
def daemon(environment: dict[str, str], commands: ForkedCommands) -> Iterator[StartedDaemon]:
    """The user's daemon."""
    program = commands.daemon(environment)
    with running_daemon(environment, start_secs=PATIENCE_SECS, program=program) as started:
        yield started


def run(
    environment: dict[str, str], *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(LOOP), *arguments],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECS,
    )


@contextmanager
def stand_in() -> Iterator[str]:
    """The example's own stand-in for the API: its address."""
    with subprocess.Popen(
        [sys.executable, str(STAND_IN)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def only_task(client: Client) -> str:
    (task,) = client.list_tasks().tasks
    return task.id


def events(client: Client, task_id: str, *kinds: str) -> list[tuple[str, str | None, Any]]:
    """Kind, owner and payload of a task's events."""
    journal = client.list_events(task_id=task_id, action_types=kinds or None)
    return [(event.action_type, event.owner, event.payload) for event in journal.events]


def statuses(client: Client, task_id: str) -> dict[str, str]:
    return {str(node.key): node.status.value for node in client.task_status(task_id=task_id).nodes}


class TestTheWholeLoop:
    def test_offline_it_needs_nothing_at_all(self, environment: dict[str, str], home: Path) -> None:
        elsewhere = home / "made"
        done = run(environment, "--offline", AGENTD_ARTIFACT_DIR=str(elsewhere))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "none answered, so this run has one of its own" in done.stdout
        assert "Landed on deepseek-loop." in done.stdout
        assert "together" in done.stdout
        (made,) = elsewhere.iterdir()
        assert {path.name for path in made.iterdir()} >= ARTIFACTS
        py_compile.compile(str(made / "worker.py"), cfile=str(home / "w.pyc"), doraise=True)
        landed = subprocess.run(
            ["git", "-C", str(made / "repository"), "ls-tree", "--name-only", "deepseek-loop"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert {"worker.py", "ipc-contract.md"} <= set(landed.stdout.split())
        record = json.loads((made / "decisions.json").read_text())
        assert [each["action"] for each in record["decisions"]] == ["merge", "merge"]

    def test_a_killed_worker_is_followed_by_another_that_goes_on(
        self, environment: dict[str, str], daemon: StartedDaemon
    ) -> None:
        done = run(environment, "--offline", "--crash")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "has renewed its lease: its model is still thinking" in done.stdout
        assert "kill -9 worker-" in done.stdout
        assert "attempt 2: it finds 1 part of the answer in the journal" in done.stdout
        with daemon.client() as client:
            task = only_task(client)
            expired = events(client, task, "node.expired")
            journal = client.list_events(task_id=task, action_types=["progress"])
            status = client.task_status(task_id=task)
        assert len(expired) == 1
        (script,) = (node for node in status.nodes if node.key == "worker-script")
        assert script.attempts == 2
        parts = [event for event in journal.events if event.node_id == script.id]
        # Each part was asked for, and paid, once: the first by the one who died.
        assert [part.payload["part"] for part in parts] == list(range(1, len(parts) + 1))
        assert parts[0].owner == expired[0][1] != parts[1].owner
        assert "".join(part.payload["text"] for part in parts) == script.result_payload["text"]

    def test_with_a_key_it_is_the_real_thing_and_the_key_is_nowhere(
        self, environment: dict[str, str], home: Path, daemon: StartedDaemon
    ) -> None:
        env_file = home / ".env"
        env_file.write_text(f"DEEPSEEK_API_KEY={KEY}\n")
        env_file.chmod(0o600)
        variables = {
            "DEEPSEEK_MODEL": "deepseek-v4-flash",
            "DEEPSEEK_MAX_TOKENS": "1000",
            "DEEPSEEK_TEMPERATURE": "0.7",
            "AGENTD_AGENT_WORKERS": "1",
        }
        with stand_in() as url:
            done = run(environment, DEEPSEEK_BASE_URL=url, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        with daemon.client() as client:
            task = only_task(client)
            progress = events(client, task, "progress")
        assert len(progress) == 4  # Long answers need no second part.
        assert {owner for _, owner, _ in progress} == {"worker-1"}
        assert {payload["model"] for _, _, payload in progress} == {"deepseek-flash"}
        assert all(payload["cost_usd"] > 0 for _, _, payload in progress)
        daemon.stop()
        env_file.unlink()
        assert KEY not in done.stdout + done.stderr
        for path in home.rglob("*"):
            assert not path.is_file() or KEY.encode() not in path.read_bytes(), path

    def test_a_run_whose_processes_are_all_gone_is_resumed(
        self, environment: dict[str, str], daemon: StartedDaemon
    ) -> None:
        variables = {"DEEPSEEK_API_KEY": KEY, "AGENTD_AGENT_WORKERS": "1"}
        with serving(
            answer("import json\n", finish="length"), Reply(hangs=True)
        ).running() as server:
            begun = subprocess.Popen(
                [sys.executable, str(LOOP), "--lease-secs", "2"],
                env={**environment, **variables, "DEEPSEEK_BASE_URL": server.url},
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            with daemon.client() as client:
                wait_for_event(client, "progress")
                os.killpg(begun.pid, signal.SIGKILL)
                begun.communicate()
                task = only_task(client)
        with stand_in() as url, daemon.client() as client:
            done = run(environment, "--resume", task, DEEPSEEK_BASE_URL=url, **variables)
            assert statuses(client, task) == dict.fromkeys(STEPS, "COMPLETED"), done.stdout
        # The script that is half the one's and half the other's is no program: a decision, too.
        assert done.returncode == 10, done.stdout + done.stderr
        assert "✘ reject  script-agent" in done.stdout


def wait_for_event(client: Client, kind: str) -> Any:
    """The payload of the first event of a kind, of whatever task."""
    found = client.list_events(action_types=[kind], wait_secs=PATIENCE_SECS)
    assert found.events, f"no {kind}"
    return found.events[0].payload


class TestAWorker:
    """Workers as processes, without the loop around them."""

    @pytest.fixture
    def task(self, daemon: StartedDaemon, home: Path) -> str:
        """The loop's task."""
        repository = (home / "run" / "repository").resolve()
        repository.mkdir(parents=True)
        make_repository(repository)
        with daemon.client() as client:
            return client.register_task(
                goal="a worker and its contract",
                context={"repository": str(repository), "run": str(home / "run"), "steps": STEPS},
                initial_nodes=NODES,
            ).task_id

    def start(
        self, environment: dict[str, str], task: str, name: str, url: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(WORKER), task, name, "2"],
            env={**environment, "DEEPSEEK_API_KEY": KEY, "DEEPSEEK_BASE_URL": url},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def test_kill_9_in_the_middle_loses_nothing_that_was_answered(
        self, environment: dict[str, str], daemon: StartedDaemon, task: str
    ) -> None:
        first = answer("import json\n", finish="length")
        with (
            serving(first, Reply(hangs=True)).running() as server,
            daemon.client() as client,
        ):
            victim = self.start(environment, task, "victim", server.url)
            wait_for_event(client, "progress")
            victim.kill()
            victim.communicate()
        with serving(answer("print(json)\n")).running() as server, daemon.client() as client:
            heir = self.start(environment, task, "heir", server.url)
            _, errors = heir.communicate(timeout=PATIENCE_SECS)
            assert heir.returncode == 0, errors
            assert set(statuses(client, task).values()) == {"COMPLETED"}
            status = client.task_status(task_id=task)
        assert status.nodes[0].result_payload["text"] == "import json\nprint(json)\n"
        # The heir showed the model what the victim had got, and asked it to go on.
        asked = [each.body["messages"] for each in server.asked]
        (resumed,) = (messages for messages in asked if len(messages) == 4)
        assert resumed[2] == {"role": "assistant", "content": "import json\n"}

    @pytest.mark.parametrize("status", [401, 402])
    def test_a_key_that_is_not_taken_fails_the_node_for_good(
        self, environment: dict[str, str], daemon: StartedDaemon, task: str, status: int
    ) -> None:
        with (
            serving(refusal(status, f"no: {KEY}")).running() as server,
            daemon.client() as client,
        ):
            worker = self.start(environment, task, "w", server.url)
            _, errors = worker.communicate(timeout=PATIENCE_SECS)
            failed = events(client, task, "node.failed")
            told = json.dumps(client.call("ListEvents", {})) + errors
        assert worker.returncode == 0, errors
        assert f"status {status}: no: ***" in failed[0][2]["error_payload"]["message"]
        assert KEY not in told
        # One request for each of the two nodes that can run: it is not tried again.
        assert len(server.asked) == 2

    @pytest.mark.parametrize(
        ("reply", "said"),
        [
            (Reply(body=b"<html>so sorry</html>"), "no completion: <html>so sorry"),
            (refusal(400, "no such model"), "status 400: no such model"),
        ],
    )
    def test_where_the_model_does_not_answer_the_node_is_given_back(
        self,
        environment: dict[str, str],
        daemon: StartedDaemon,
        task: str,
        reply: Reply,
        said: str,
    ) -> None:
        with serving(reply).running() as server, daemon.client() as client:
            worker = self.start(environment, task, "w", server.url)
            _, errors = worker.communicate(timeout=PATIENCE_SECS)
            assert set(statuses(client, task).values()) == {"PENDING"}
            locks = client.list_resource_locks().locks
        assert worker.returncode == 1
        assert said in errors
        assert "Traceback" not in errors
        assert locks == []

    def test_an_overloaded_model_is_asked_again(
        self, environment: dict[str, str], daemon: StartedDaemon, task: str
    ) -> None:
        busy = refusal(503, "busy")
        with (
            serving(busy, answer("print()\n")).running() as server,
            daemon.client() as client,
        ):
            worker = self.start(environment, task, "w", server.url)
            worker.communicate(timeout=PATIENCE_SECS)
            assert set(statuses(client, task).values()) == {"COMPLETED"}

    @pytest.mark.parametrize(
        ("reply", "said"),
        [
            (answer("", finish="stop"), "answered with nothing"),
            (answer("x", finish="content_filter"), "ended with 'filtered'"),
            (answer("x", finish="insufficient_system_resource"), "ended with 'other'"),
            (answer("x", finish="length"), "ended with 'length' after 12 parts"),
        ],
    )
    def test_an_answer_that_is_none_fails_the_node(
        self,
        environment: dict[str, str],
        daemon: StartedDaemon,
        task: str,
        reply: Reply,
        said: str,
    ) -> None:
        with serving(reply).running() as server, daemon.client() as client:
            self.start(environment, task, "w", server.url).communicate(timeout=PATIENCE_SECS)
            failed = events(client, task, "node.failed")
        assert [said in event[2]["error_payload"]["message"] for event in failed] == [True, True]

    def test_a_worker_that_stood_still_leaves_the_node_to_its_heir(
        self, environment: dict[str, str], daemon: StartedDaemon, task: str
    ) -> None:
        with (
            serving(
                answer("import json\n", finish="length"), Reply(hangs=True)
            ).running() as server,
            daemon.client() as client,
        ):
            zombie = self.start(environment, task, "zombie", server.url)
            wait_for_event(client, "progress")
            zombie.send_signal(signal.SIGSTOP)
            client.list_events(task_id=task, action_types=["node.expired"], wait_secs=PATIENCE_SECS)
            lease = client.acquire_next_node(task_id=task, lease_owner="heir", wait_secs=5)
            assert lease is not None
            assert lease.attempt == 2
            client.cancel_task(task_id=task)
            zombie.send_signal(signal.SIGCONT)
            # Its next heartbeat is refused; it drops what it has and finds nothing left to do.
            client.fail_node(
                task_id=task, node_id=lease.node_id, lease_id=lease.lease_id, error_payload={}
            )
            _, errors = zombie.communicate(timeout=PATIENCE_SECS)
        assert zombie.returncode == 0, errors
        assert "lost worker-script" in errors


class TestWhatIsMissing:
    def test_without_a_key(self, environment: dict[str, str], home: Path) -> None:
        done = run(environment)
        assert done.returncode == 1
        assert "DEEPSEEK_API_KEY is not set" in done.stderr
        assert "--offline" in done.stderr
        assert not (home / "artifacts").exists()

    def test_without_a_daemon(self, environment: dict[str, str], home: Path) -> None:
        done = run(environment, DEEPSEEK_API_KEY=KEY)
        assert done.returncode == 1
        assert str(home / "agentd.sock") in done.stderr
        assert "Traceback" not in done.stderr
        assert KEY not in done.stdout + done.stderr

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DEEPSEEK_MAX_TOKENS", "0"),
            ("DEEPSEEK_TEMPERATURE", "hot"),
            ("AGENTD_AGENT_WORKERS", "none"),
        ],
    )
    def test_wrong_settings(self, environment: dict[str, str], name: str, value: str) -> None:
        done = run(environment, "--offline", **{name: value})
        assert done.returncode == 1
        assert f"{name} must be" in done.stderr

    def test_when_the_model_never_answers_it_says_how_to_go_on(
        self, environment: dict[str, str], daemon: StartedDaemon
    ) -> None:
        with serving(refusal(400, "no such model")).running() as server:
            done = run(environment, DEEPSEEK_API_KEY=KEY, DEEPSEEK_BASE_URL=server.url)
        assert done.returncode == 1
        assert "status 400: no such model" in done.stderr
        assert "--resume" in done.stderr
        assert "Traceback" not in done.stderr
