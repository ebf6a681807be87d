"""The programs where they are given little: no streams, few open files, a foreign locale."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from agentd.cli.exit_codes import ExitCode
from agentd.core.open_files import FILES_OF_ITS_OWN
from tests.conftest import DaemonProcess, StartProcess
from tests.fakes.patience import PATIENCE_SECS
from tests.fakes.raw_client import BlockingRawClient

Done = subprocess.CompletedProcess[str]


def run(home: Path, program: str, *arguments: str | bytes, **variables: str) -> Done:
    """Runs `daemon` (agentd) or `coord` (agentd-coord)."""
    return subprocess.run(
        [sys.executable, "-m", f"agentd.cli.{program}", *arguments],
        env={**DaemonProcess(home).environment, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECS,
        check=False,
    )


@contextmanager
def daemon_in_shell(home: Path, before: str, after: str) -> Iterator[str]:
    """A daemon that a shell starts; what it tells when it has begun to listen."""
    notices = home / "notices"
    script = f"{before} exec {sys.executable} -m agentd.cli.daemon {after}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(notices))
        told.settimeout(PATIENCE_SECS)
        process = subprocess.Popen(
            ["sh", "-c", script],
            env={**DaemonProcess(home).environment, "NOTIFY_SOCKET": str(notices)},
            stderr=subprocess.DEVNULL,
        )
        try:
            yield told.recv(100).decode()
        finally:
            process.terminate()
            process.wait(PATIENCE_SECS)


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-", ">&- 2>&-", "<&-"])
def test_a_daemon_runs_without_standard_streams(home: Path, closed: str) -> None:
    with daemon_in_shell(home, "", closed) as notice:
        assert notice.startswith("READY=1")
        with BlockingRawClient(home / "agentd.sock") as client:
            assert client.call("AcquireResourceLock", resource_key="a")["fencing_token"] == 1


def limited(soft: int, hard: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_daemon_that_may_open_too_few_files_says_so(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agentd.cli.daemon"],
        env=DaemonProcess(home).environment,
        preexec_fn=limited(40, 40),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECS,
        check=False,
    )
    assert done.returncode == ExitCode.FAILED
    assert done.stderr.startswith("error: this process may have 40 files open")
    assert "ulimit -n" in done.stderr


def test_clients_for_whom_there_is_no_file_are_refused_in_words(home: Path) -> None:
    room = 20
    with daemon_in_shell(home, f"ulimit -n {FILES_OF_ITS_OWN + room};", ""), ExitStack() as stack:
        for _ in range(room):
            client = stack.enter_context(BlockingRawClient(home / "agentd.sock"))
            assert client.call("Health")["status"] == "ok"
        refused = stack.enter_context(BlockingRawClient(home / "agentd.sock"))
        error = refused.receive()["error"]
        assert error["data"]["reason"] == "too_many_connections"
        assert error["data"]["limit"] == room


def test_a_low_limit_that_may_be_raised_is(home: Path) -> None:
    with daemon_in_shell(home, "ulimit -Sn 50;", ""), ExitStack() as stack:
        for _ in range(120):
            client = stack.enter_context(BlockingRawClient(home / "agentd.sock"))
            assert client.call("Health")["status"] == "ok"


def test_what_cannot_be_written_is_escaped(home: Path, daemon_process: StartProcess) -> None:
    process = daemon_process()
    with BlockingRawClient(process.socket_path) as client:
        client.call("AcquireResourceLock", resource_key="file:größe→", owner="ö")
    done = run(home, "coord", "locks", PYTHONIOENCODING="ascii")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "\\u2192" in done.stdout
    listed = json.loads(run(home, "coord", "locks", "--json", PYTHONIOENCODING="ascii").stdout)
    assert listed["locks"][0]["resource_key"] == "file:größe→"


def test_an_argument_that_is_not_utf8_is_refused(home: Path, daemon_process: StartProcess) -> None:
    daemon_process()
    done = run(home, "coord", "locks", b"file:\xff")
    assert (done.returncode, done.stdout) == (ExitCode.FAILED, "")
    assert done.stderr.startswith("error: `prefix` is not UTF-8\nhint: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
@pytest.mark.parametrize(
    ("program", "arguments"),
    [("daemon", ["status"]), ("daemon", ["describe", "--json"]), ("coord", ["locks"])],
)
def test_output_that_cannot_be_written_is_no_traceback(
    home: Path, daemon_process: StartProcess, program: str, arguments: list[str]
) -> None:
    process = daemon_process()
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", f"agentd.cli.{program}", *arguments],
            env=process.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_SECS,
            check=False,
        )
    assert done.returncode == ExitCode.FAILED
    assert done.stderr == (
        "error: cannot write the output: No space left on device\nhint: Send it somewhere else.\n"
    )


def test_a_path_that_is_too_long_for_a_socket_is_told_to_the_client(home: Path) -> None:
    done = run(home, "daemon", "status", AGENTD_SOCKET_PATH=str(home / ("x" * 120)))
    assert done.returncode == ExitCode.NO_DAEMON
    assert "longer than the system takes" in done.stderr
    assert "shorter path" in done.stderr
