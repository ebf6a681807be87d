"""The `agentd` command, as a user types it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from agentd import __version__
from agentd.cli.exit_codes import ExitCode
from agentd.core.storage.migrations import LATEST_VERSION
from agentd.protocol.methods import METHODS
from tests.conftest import DaemonProcess, StartProcess
from tests.fakes.patience import PATIENCE_SECS


class Agentd:
    """Runs the command in one home."""

    def __init__(self, home: Path) -> None:
        self._environment = DaemonProcess(home).environment

    def __call__(
        self, *arguments: str, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "agentd.cli.daemon", *arguments],
            env={**self._environment, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECS,
            check=False,
        )


@pytest.fixture
def agentd(home: Path) -> Agentd:
    return Agentd(home)


def test_the_version_and_the_help_need_no_daemon(agentd: Agentd) -> None:
    assert agentd("--version").stdout == f"agentd {__version__}\n"
    text = agentd("--help").stdout
    for command in ("status", "stop", "call", "describe", "migrate", "backup"):
        assert command in text
        assert "agentd " + command in agentd(command, "--help").stdout, "an example"


@pytest.mark.parametrize(
    "arguments", [("status",), ("stop",), ("call", "Health"), ("status", "--json")]
)
def test_without_a_daemon_commands_that_need_one_say_so(
    agentd: Agentd, arguments: tuple[str, ...]
) -> None:
    done = agentd(*arguments)
    assert done.returncode == ExitCode.NO_DAEMON
    assert "Traceback" not in done.stderr
    if "--json" in arguments:
        assert json.loads(done.stdout)["running"] is False
    else:
        assert done.stderr.startswith("error: ")


def test_status_says_what_the_daemon_holds(agentd: Agentd, daemon_process: StartProcess) -> None:
    process = daemon_process()
    agentd("call", "AcquireResourceLock", '{"resource_key": "file:a", "owner": "me"}')
    text = agentd("status").stdout
    assert f"pid {process.pid}" in text
    assert str(process.socket_path) in text
    status = json.loads(agentd("status", "--json").stdout)
    assert (status["running"], status["pid"]) == (True, process.pid)
    assert status["metrics"]["database"]["active_locks"] == 1


def test_call_prints_the_result_and_takes_params_from_stdin(
    agentd: Agentd, daemon_process: StartProcess
) -> None:
    daemon_process()
    assert json.loads(agentd("call", "Health").stdout)["status"] == "ok"
    done = agentd("call", "register_task", "-", stdin='{"goal": "g"}')
    assert json.loads(done.stdout)["node_ids"] == []
    refused = agentd("call", "RegisterTask", "{}")
    assert refused.returncode == ExitCode.FAILED
    assert "goal" in refused.stderr
    assert "hint: " in refused.stderr


@pytest.mark.parametrize("params", ["{", "[]", "not json"])
def test_call_refuses_params_that_are_no_object(agentd: Agentd, params: str) -> None:
    done = agentd("call", "Health", params)
    assert done.returncode == ExitCode.USAGE
    assert "JSON" in done.stderr


def test_describe_lists_and_shows_the_methods(agentd: Agentd) -> None:
    lines = agentd("describe").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(METHODS)
    shown = json.loads(agentd("describe", "get_task_status").stdout)
    assert shown["method"] == "TaskStatus"
    assert len(json.loads(agentd("describe", "--json").stdout)["methods"]) == len(METHODS)
    unknown = agentd("describe", "AcquireNextNod")
    assert unknown.returncode == ExitCode.FAILED
    assert "AcquireNextNode" in unknown.stderr


def test_stop_waits_until_the_daemon_has_ended(
    agentd: Agentd, daemon_process: StartProcess
) -> None:
    process = daemon_process()
    done = agentd("stop")
    assert done.returncode == ExitCode.OK, done.stderr
    assert str(process.pid) in done.stdout
    assert process.wait() == 0
    assert not process.socket_path.exists()
    assert agentd("stop").returncode == ExitCode.NO_DAEMON


def test_a_second_daemon_says_who_is_there(agentd: Agentd, daemon_process: StartProcess) -> None:
    process = daemon_process()
    done = agentd()
    assert done.returncode == ExitCode.FAILED
    assert f"process {process.pid} is the daemon" in done.stderr
    assert "agentd stop" in done.stderr
    assert "Traceback" not in done.stderr
    assert agentd("migrate").returncode == ExitCode.FAILED


def test_migrate_makes_the_database(agentd: Agentd, home: Path) -> None:
    done = agentd("migrate")
    assert done.returncode == ExitCode.OK, done.stderr
    assert f"schema {LATEST_VERSION}" in done.stdout
    with closing(sqlite3.connect(home / "agent_state.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (LATEST_VERSION,)


def test_backup_copies_a_database_in_use(
    agentd: Agentd, daemon_process: StartProcess, home: Path
) -> None:
    daemon_process()
    task = json.loads(agentd("call", "RegisterTask", '{"goal": "g"}').stdout)
    target = home / "copy.db"
    assert agentd("backup", str(target)).returncode == ExitCode.OK
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT id FROM tasks").fetchall() == [(task["task_id"],)]
    again = agentd("backup", str(target))
    assert again.returncode == ExitCode.FAILED
    assert "exists" in again.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AGENTD_NODE_TIMEOUT_SECS", "soon"),
        ("AGENTD_LOG", "agentd=loud"),
        ("AGENTD_DATABASE_URL", "mysql://x"),
        ("AGENTD_SOCKET_PATH", "/tmp/" + "x" * 200),
        ("AGENTD_ENV_FILE", "/nonexistent"),
    ],
)
def test_a_wrong_setting_is_named(agentd: Agentd, variable: str, value: str) -> None:
    done = agentd(**{variable: value})
    assert done.returncode == ExitCode.FAILED
    assert variable in done.stderr
    assert "Traceback" not in done.stderr
