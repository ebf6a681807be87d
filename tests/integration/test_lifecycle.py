"""Start and stop: one daemon a home, nothing stale in the way, nothing left behind."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agentd.core.clock import Instant
from agentd.core.daemon import Daemon, Sources
from agentd.core.instance import (
    InstanceLock,
    inherited_socket,
    is_running,
    notify_systemd,
    running_pid,
)
from agentd.errors import AgentdError, Unavailable
from agentd.paths import Home, unusable_home
from agentd.settings import Settings
from tests.conftest import RunningDaemon, StartDaemon, StartProcess
from tests.fakes.clock import START, FakeClock
from tests.fakes.patience import PATIENCE_SECS
from tests.fakes.raw_client import BlockingRawClient
from tests.fakes.settings import settings_for


async def refusal_of_start(settings: Settings) -> AgentdError:
    with pytest.raises(AgentdError) as refused:
        await Daemon(settings).start()
    return refused.value


async def test_a_second_daemon_is_refused_and_the_first_unharmed(
    running_daemon: RunningDaemon,
) -> None:
    refused = await refusal_of_start(running_daemon.settings)
    assert refused.reason == "already_running"
    assert refused.data["pid"] == os.getpid()
    assert (await (await running_daemon.client()).call("Health"))["status"] == "ok"


async def test_a_daemon_that_shares_only_the_socket_is_refused(
    running_daemon: RunningDaemon, tmp_path: Path
) -> None:
    elsewhere = settings_for(tmp_path / "other", socket_path=running_daemon.socket_path)
    assert (await refusal_of_start(elsewhere)).reason == "already_running"
    assert not is_running(elsewhere.home_layout)
    assert (await (await running_daemon.client()).call("Health"))["status"] == "ok"


async def test_a_daemon_that_shares_only_the_database_is_refused(
    running_daemon: RunningDaemon, tmp_path: Path
) -> None:
    database = running_daemon.settings.database_path
    (tmp_path / "link").symlink_to(database)
    for number, path in enumerate((database, tmp_path / "link")):
        elsewhere = settings_for(tmp_path / str(number), database_path=f"sqlite://{path}")
        refused = await refusal_of_start(elsewhere)
        assert refused.reason == "already_running"
        assert f"another home uses the database {path}" in refused.message
        assert not is_running(elsewhere.home_layout)
    assert (await (await running_daemon.client()).call("Health"))["status"] == "ok"


async def test_two_daemons_may_have_their_databases_side_by_side(home: Path) -> None:
    one, other = (
        settings_for(home / name, database_path=f"sqlite://{home}/{name}.db") for name in ("a", "b")
    )
    first, second, third = Daemon(one), Daemon(other), Daemon(one)
    await first.start()
    await second.start()
    await second.stop()
    await first.stop()
    await third.start()
    await third.stop()


async def test_socket_home_and_database_are_private(running_daemon: RunningDaemon) -> None:
    layout = running_daemon.settings.home_layout
    assert stat.S_IMODE(layout.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(layout.root.stat().st_mode) == 0o700
    assert int(layout.pid_file.read_text()) == os.getpid()


async def test_a_stop_leaves_neither_socket_nor_pid_file(running_daemon: RunningDaemon) -> None:
    await (await running_daemon.client()).call("RegisterTask", goal="g")
    await running_daemon.stop()
    root = running_daemon.settings.home
    assert sorted(entry.name for entry in root.iterdir()) == ["agent_state.db", "agentd.lock"]


async def test_what_was_done_is_there_after_a_restart(running_daemon: RunningDaemon) -> None:
    before = await running_daemon.client()
    lock = await before.call("AcquireResourceLock", resource_key="k", owner="a")
    await running_daemon.restart()
    after = await running_daemon.client()
    (held,) = (await after.call("ListResourceLocks"))["locks"]
    assert held["fencing_token"] == lock["fencing_token"]
    done = {"resource_key": "k", "lease_id": lock["lease_id"]}
    assert await after.call("ReleaseResourceLock", **done) == {"ok": True}


async def test_a_lease_that_runs_out_while_nobody_serves_is_over_at_the_start(
    running_daemon: RunningDaemon,
) -> None:
    before = await running_daemon.client()
    await before.call("AcquireResourceLock", resource_key="k", ttl_secs=10)
    await running_daemon.stop()
    running_daemon.clock.advance(11)
    await running_daemon.start()
    after = await running_daemon.client()
    events = (await after.call("ListEvents"))["events"]
    assert [event["action_type"] for event in events] == ["lock.acquired", "lock.expired"]


async def test_time_does_not_go_back_behind_the_journal(running_daemon: RunningDaemon) -> None:
    await (await running_daemon.client()).call("RegisterTask", goal="g")
    await running_daemon.stop()
    floors: list[Instant] = []

    def clock(floor: Instant) -> FakeClock:
        floors.append(floor)
        return FakeClock(floor)

    daemon = Daemon(running_daemon.settings, Sources(clock=clock))
    await daemon.start()
    await daemon.stop()
    assert floors == [START]


async def test_a_socket_that_a_crash_left_is_replaced(home: Path) -> None:
    path = home / "agentd.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    daemon = Daemon(settings_for(home))
    await daemon.start()
    await daemon.stop()


async def test_the_number_of_a_killed_daemon_is_forgotten_before_anybody_is_told_to_stop(
    home: Path,
) -> None:
    layout = Home(home)
    layout.pid_file.write_text("1\n")
    lock = InstanceLock.take(layout, layout.database)
    assert is_running(layout)
    assert running_pid(layout) is None
    lock.release()


async def test_a_file_in_the_place_of_the_socket_is_not_removed(home: Path) -> None:
    (home / "agentd.sock").write_text("precious")
    refused = await refusal_of_start(settings_for(home))
    assert "in the way" in refused.message
    assert (home / "agentd.sock").read_text() == "precious"
    assert not (home / "agentd.pid").exists()


async def test_a_socket_path_that_the_system_does_not_take_is_refused(home: Path) -> None:
    long = home / ("x" * 108)
    refused = await refusal_of_start(settings_for(home, socket_path=long))
    assert refused.reason == "socket_path_too_long"
    assert refused.data == {"path": str(long), "limit": 107}
    assert "AGENTD_SOCKET_PATH" in refused.hint


async def test_a_home_that_others_may_enter_is_closed_to_them(
    home: Path, start_daemon: StartDaemon
) -> None:
    home.chmod(0o755)
    await start_daemon()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


async def test_a_home_that_anybody_may_write_to_is_refused(home: Path) -> None:
    home.chmod(0o1777)
    refused = await refusal_of_start(settings_for(home))
    assert refused.reason == "insecure_permissions"
    assert "chmod" not in refused.hint, "that would close a directory such as /tmp"
    assert stat.S_IMODE(home.stat().st_mode) == 0o1777


@pytest.mark.parametrize("name", ["agentd.lock", "agentd.pid", "agent_state.db"])
async def test_a_home_in_which_something_is_in_the_way_is_refused(home: Path, name: str) -> None:
    (home / name).mkdir()
    refused = await refusal_of_start(settings_for(home))
    assert refused.reason == "home_unusable"
    assert str(home / name) in refused.message
    assert not (home / "agentd.sock").exists()


def test_a_full_disk_is_told_from_a_home_in_the_wrong_place(home: Path) -> None:
    with pytest.raises(Unavailable) as full, unusable_home(home):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert full.value.hint.startswith("Free space")
    with pytest.raises(Unavailable) as forbidden, unusable_home(home):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    assert forbidden.value.hint.startswith("Set AGENTD_HOME")


async def test_a_database_of_a_newer_version_is_refused_untouched(
    start_daemon: StartDaemon,
) -> None:
    daemon = await start_daemon()
    await daemon.stop()
    database = daemon.settings.database_path
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    before = database.read_bytes()
    refused = await refusal_of_start(daemon.settings)
    assert refused.reason == "newer_schema"
    assert database.read_bytes() == before
    assert not is_running(daemon.settings.home_layout)


def test_sigterm_answers_what_is_in_flight_and_exits_cleanly(
    daemon_process: StartProcess,
) -> None:
    process = daemon_process()
    with BlockingRawClient(process.socket_path) as client:
        sent = [client.send("RegisterTask", goal=str(number)) for number in range(200)]
        waiting = client.send("AcquireNextNode", wait_secs=3600)
        answers = [client.receive() for _ in sent]
        process.signal(signal.SIGTERM)
        assert client.receive()["id"] == waiting
        with pytest.raises((EOFError, ConnectionError)):
            client.request("Health")
    assert process.wait() == 0
    with sqlite3.connect(process.database_path) as connection:
        stored = {row[0] for row in connection.execute("SELECT id FROM tasks")}
    connection.close()
    assert {answer["result"]["task_id"] for answer in answers} <= stored
    assert not is_running(Home(process.home))


def test_systemd_hands_over_a_socket_only_to_the_process_that_it_means() -> None:
    assert inherited_socket({}) is None
    assert inherited_socket({"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}) is None
    assert inherited_socket({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"}) is None


def test_systemd_is_told_where_it_asks_for_it(home: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(home / "notify"))
        notify_systemd({"NOTIFY_SOCKET": str(home / "notify")}, "READY=1")
        assert systemd.recv(100) == b"READY=1"
    notify_systemd({"NOTIFY_SOCKET": str(home / "nobody")}, "READY=1")
    notify_systemd({}, "READY=1")


def test_the_daemon_serves_on_a_socket_that_systemd_made(home: Path) -> None:
    path = home / "activated.sock"
    with (
        socket.socket(socket.AF_UNIX) as listening,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
    ):
        systemd.bind(str(home / "notify"))
        systemd.settimeout(PATIENCE_SECS)
        listening.bind(str(path))
        listening.listen()
        # What systemd does between fork and exec: the socket as descriptor 3, and whose it is.
        program = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
            "os.environ['LISTEN_PID'] = str(os.getpid());"
            "os.execv(sys.executable, [sys.executable, '-m', 'agentd.cli.daemon'])"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(listening.fileno())],
            env={
                **os.environ,
                "AGENTD_HOME": str(home),
                "LISTEN_FDS": "1",
                "NOTIFY_SOCKET": str(home / "notify"),
            },
            pass_fds=[listening.fileno()],
            stderr=subprocess.DEVNULL,
        )
        try:
            assert systemd.recv(100) == f"READY=1\nMAINPID={process.pid}".encode()
            with BlockingRawClient(path) as client:
                assert client.call("Health")["status"] == "ok"
            process.terminate()
            assert systemd.recv(100) == b"STOPPING=1"
            assert process.wait(PATIENCE_SECS) == 0
        finally:
            process.kill()
            process.wait()
    assert path.exists(), "the socket is systemd's to remove"
