"""Both Python clients against a real daemon, and against what a daemon should never do."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentd.client.async_client import AsyncClient
from agentd.client.async_methods import AsyncMethods
from agentd.client.autostart import (
    StartedDaemon,
    private_environment,
    running_daemon,
    start_daemon,
)
from agentd.client.sync_client import Client
from agentd.client.sync_methods import SyncMethods
from agentd.core.states import LockMode, NodeStatus
from agentd.errors import (
    AgentdError,
    InternalError,
    InvalidParams,
    LeaseLost,
    ResourceExhausted,
    Unavailable,
)
from agentd.protocol.locks import GrantedLock, IfHeld, LockDenied
from agentd.protocol.methods import METHODS, Method
from agentd.protocol.service import MetricsText
from agentd.protocol.tasks import NodeSpec
from agentd.settings import process_environment
from tests.fakes.patience import PATIENCE_SECS
from tests.fakes.scripted_server import Visitor, scripted_server


@pytest.fixture(scope="module")
def daemon() -> Iterator[StartedDaemon]:
    """One daemon for all tests that do it no harm; each uses keys of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="agentd-", dir="/tmp") as home,
        running_daemon(
            private_environment(process_environment(), Path(home)), start_secs=PATIENCE_SECS
        ) as started,
    ):
        yield started


@pytest.fixture
def client(daemon: StartedDaemon) -> Iterator[Client]:
    with daemon.client() as connected:
        yield connected


class TestTypedCalls:
    def test_results_are_of_the_contract_s_types(self, client: Client) -> None:
        task = client.register_task(
            goal="g", initial_nodes=[NodeSpec(key="a"), {"key": "b", "dependencies": ["a"]}]
        )
        lease = client.acquire_next_node(task_id=task.task_id, lease_owner="me")
        assert lease is not None
        assert lease.node_id == task.nodes["a"]
        assert lease.context.node.status is NodeStatus.RUNNING
        done = client.complete_node(
            task_id=lease.task_id,
            node_id=lease.node_id,
            lease_id=lease.lease_id,
            result_payload={"n": 1},
        )
        assert done.unblocked == [task.nodes["b"]]
        status = client.task_status(task_id=task.task_id)
        assert [node.result_payload for node in status.nodes] == [{"n": 1}, None]

    def test_a_union_is_the_member_that_was_answered(self, client: Client) -> None:
        key = "file:union.md"
        held = client.acquire_resource_lock(resource_key=key, owner="a", mode=LockMode.SHARED)
        assert isinstance(held, GrantedLock)
        denied = client.acquire_resource_lock(
            resource_key=key, owner="b", if_held=IfHeld.HOLDER, metadata={"n": 1}
        )
        assert isinstance(denied, LockDenied)
        assert denied.holder.owner == "a"
        assert client.acquire_resource_lock(resource_key=key, owner="b") is None

    def test_a_text_result_is_told_from_an_object(self, client: Client) -> None:
        metrics = client.metrics()
        assert not isinstance(metrics, MetricsText)
        assert metrics.database.schema_version == metrics.database.latest_schema_version

    def test_an_error_is_its_exception(self, client: Client) -> None:
        lock = client.acquire_resource_lock(resource_key="file:gone.md", owner="a")
        assert isinstance(lock, GrantedLock)
        client.release_resource_lock(resource_key="file:gone.md", lease_id=lock.lease_id)
        with pytest.raises(LeaseLost) as caught:
            client.heartbeat_resource_lock(resource_key="file:gone.md", lease_id=lock.lease_id)
        assert caught.value.reason == "lease_released"
        assert caught.value.hint

    def test_the_untyped_call_passes_json_on(self, client: Client) -> None:
        assert client.call("Health")["status"] == "ok"
        with pytest.raises(InvalidParams) as caught:
            client.call("AcquireResourceLock", {"resource_key": "a", "ttl_sec": 1})
        assert caught.value.data["did_you_mean"] == "ttl_secs"

    async def test_the_asyncio_client_is_typed_the_same(self, daemon: StartedDaemon) -> None:
        async with AsyncClient(daemon.socket_path) as client:
            lock = await client.acquire_resource_lock(resource_key="file:async.md", owner="a")
            assert isinstance(lock, GrantedLock)
            released = await client.release_resource_lock(
                resource_key="file:async.md", lease_id=lock.lease_id
            )
            assert released.ok


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("mixin", [SyncMethods, AsyncMethods])
def test_the_clients_have_every_method_with_every_param(mixin: type, method: Method) -> None:
    function = getattr(mixin, method.snake_name)
    assert inspect.iscoroutinefunction(function) is (mixin is AsyncMethods)
    params = inspect.signature(function).parameters
    assert params.keys() - {"self"} == method.params.model_fields.keys()
    required = {name for name, p in params.items() if p.default is p.empty} - {"self"}
    fields = method.params.model_fields
    assert required == {name for name in fields if fields[name].is_required()}


def test_a_program_that_calls_without_types_loads_neither_pydantic_nor_asyncio(
    daemon: StartedDaemon,
) -> None:
    program = (
        "import sys; from agentd.client.sync_client import Client;"
        "print(Client(sys.argv[1]).call('Health')['status']);"
        "print([m for m in ('pydantic', 'asyncio', 'aiosqlite', 'git') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(daemon.socket_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split("\n")[:2] == ["ok", "[]"]


class TestWaiting:
    def test_a_call_that_waits_may_take_its_wait_on_top(self, daemon: StartedDaemon) -> None:
        with Client(daemon.socket_path, timeout_secs=1.0) as client:
            client.acquire_resource_lock(resource_key="file:wait.md", owner="a")
            waited = client.acquire_resource_lock(
                resource_key="file:wait.md", owner="b", wait_secs=1.2
            )
        assert waited is None  # Not an exception after one second.

    async def test_a_waiting_call_holds_nothing_up(self, daemon: StartedDaemon) -> None:
        async with AsyncClient(daemon.socket_path) as client:
            first = await client.acquire_resource_lock(resource_key="file:line.md", owner="a")
            assert isinstance(first, GrantedLock)
            turn = asyncio.create_task(
                client.acquire_resource_lock(resource_key="file:line.md", owner="b", wait_secs=20)
            )
            numbers = await asyncio.gather(*(client.call("Health") for _ in range(200)))
            assert len(numbers) == 200
            assert not turn.done()
            await client.release_resource_lock(resource_key="file:line.md", lease_id=first.lease_id)
            second = await turn
            assert isinstance(second, GrantedLock)
            assert second.owner == "b"

    async def test_a_cancelled_call_leaves_the_connection_usable(
        self, daemon: StartedDaemon
    ) -> None:
        async with AsyncClient(daemon.socket_path) as client:
            await client.acquire_resource_lock(resource_key="file:cancel.md", owner="a")
            turn = asyncio.create_task(
                client.acquire_resource_lock(resource_key="file:cancel.md", owner="b", wait_secs=20)
            )
            await client.health()
            turn.cancel()
            with pytest.raises(asyncio.CancelledError):
                await turn
            assert (await client.health()).status == "ok"

    def test_threads_may_share_a_client(self, client: Client) -> None:
        def lock_and_release(number: int) -> int:
            key = f"file:thread-{number}.md"
            lock = client.acquire_resource_lock(resource_key=key, owner=f"t{number}")
            assert isinstance(lock, GrantedLock)
            assert lock.resource_key == key
            client.release_resource_lock(resource_key=key, lease_id=lock.lease_id)
            return lock.fencing_token

        with ThreadPoolExecutor(8) as pool:
            tokens = list(pool.map(lock_and_release, range(40)))
        assert len(set(tokens)) == 40


class TestNobodyThere:
    @pytest.fixture
    def stale_socket(self, home: Path) -> Path:
        path = home / "stale.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
        return path

    def test_no_socket(self, home: Path) -> None:
        with pytest.raises(Unavailable, match="no such file") as caught:
            Client(home / "nothing.sock").connect()
        assert caught.value.reason == "daemon_unreachable"
        assert caught.value.data == {"path": str(home / "nothing.sock")}

    def test_a_socket_that_nobody_listens_on(self, stale_socket: Path) -> None:
        with pytest.raises(Unavailable, match="refused") as caught:
            Client(stale_socket).call("Health")
        assert caught.value.reason == "daemon_unreachable"

    def test_a_path_that_is_too_long(self, home: Path) -> None:
        with pytest.raises(Unavailable) as caught:
            Client(home / ("x" * 200)).connect()
        assert caught.value.reason == "daemon_unreachable"

    async def test_the_asyncio_client_says_the_same(self, home: Path, stale_socket: Path) -> None:
        for path in (home / "nothing.sock", stale_socket, home / ("x" * 200)):
            with pytest.raises(Unavailable) as caught:
                await AsyncClient(path).connect()
            assert caught.value.reason == "daemon_unreachable"


def end_at_once(visitor: Visitor) -> None:
    assert visitor.request()["method"] == "Health"


def refuse(visitor: Visitor) -> None:
    error = ResourceExhausted("too_many_connections", "full", limit=1).to_wire()
    visitor.send(json.dumps({"id": None, "error": error}).encode() + b"\n")


def talk_http(visitor: Visitor) -> None:
    visitor.request()
    visitor.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def answer_wrongly(visitor: Visitor) -> None:
    visitor.reply(visitor.request(), {"status": "splendid"})


def be_healthy(visitor: Visitor) -> None:
    while request := visitor.request():
        visitor.reply(request, HEALTH)


def late_once(given_up: threading.Event) -> Callable[[Visitor], None]:
    """Answers the first request when it has been given up, and the second at once."""

    def answer(visitor: Visitor) -> None:
        first = visitor.request()
        assert given_up.wait(PATIENCE_SECS)
        visitor.reply(first, {"late": True})
        visitor.reply(visitor.request(), HEALTH)

    return answer


HEALTH = METHODS["Health"].example.result

MISBEHAVIOUR = [
    pytest.param(end_at_once, Unavailable, "connection_lost", id="ends"),
    pytest.param(refuse, ResourceExhausted, "too_many_connections", id="refuses"),
    pytest.param(talk_http, InternalError, "unexpected_answer", id="speaks-http"),
    pytest.param(answer_wrongly, InternalError, "unexpected_answer", id="wrong-result"),
]


class TestTrouble:
    @pytest.mark.parametrize(("script", "kind", "reason"), MISBEHAVIOUR)
    def test_what_the_blocking_client_makes_of_it(
        self, home: Path, script: object, kind: type[AgentdError], reason: str
    ) -> None:
        assert callable(script)
        path = home / "s.sock"
        with scripted_server(path, script), Client(path) as client, pytest.raises(kind) as caught:
            client.health()
        assert caught.value.reason == reason

    @pytest.mark.parametrize(("script", "kind", "reason"), MISBEHAVIOUR)
    async def test_what_the_asyncio_client_makes_of_it(
        self, home: Path, script: object, kind: type[AgentdError], reason: str
    ) -> None:
        assert callable(script)
        path = home / "s.sock"
        with scripted_server(path, script):
            async with AsyncClient(path) as client:
                with pytest.raises(kind) as caught:
                    await client.health()
        assert caught.value.reason == reason

    def test_a_lost_connection_is_made_anew_at_the_next_call(self, home: Path) -> None:
        path = home / "s.sock"
        with scripted_server(path, end_at_once, be_healthy), Client(path) as client:
            with pytest.raises(Unavailable):
                client.health()
            assert client.health().status == "ok"

    async def test_the_asyncio_client_connects_anew_too(self, home: Path) -> None:
        path = home / "s.sock"
        with scripted_server(path, end_at_once, be_healthy):
            async with AsyncClient(path) as client:
                with pytest.raises(Unavailable):
                    await client.health()
                assert (await client.health()).status == "ok"

    def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(self, home: Path) -> None:
        given_up = threading.Event()
        path = home / "s.sock"
        with scripted_server(path, late_once(given_up)), Client(path) as client:
            with pytest.raises(Unavailable, match=r"0\.05 seconds") as caught:
                client.call("Health", timeout_secs=0.05)
            assert caught.value.reason == "no_answer"
            given_up.set()
            assert client.call("Health") == HEALTH

    async def test_the_asyncio_client_drops_the_late_answer_too(self, home: Path) -> None:
        given_up = threading.Event()
        path = home / "s.sock"
        with scripted_server(path, late_once(given_up)):
            async with AsyncClient(path) as client:
                with pytest.raises(Unavailable) as caught:
                    await client.call("Health", timeout_secs=0.05)
                assert caught.value.reason == "no_answer"
                given_up.set()
                assert await client.call("Health") == HEALTH

    async def test_closing_ends_the_calls_in_flight(self, daemon: StartedDaemon) -> None:
        client = AsyncClient(daemon.socket_path)
        await client.acquire_resource_lock(resource_key="file:close.md", owner="a")
        turn = asyncio.create_task(
            client.acquire_resource_lock(resource_key="file:close.md", owner="b", wait_secs=20)
        )
        await client.health()
        await client.close()
        with pytest.raises(Unavailable, match="this client closed it"):
            await turn


class TestAutostart:
    def test_a_client_survives_a_restart_of_the_daemon(self, home: Path) -> None:
        environment = private_environment(process_environment(), home)
        first = start_daemon(environment, start_secs=PATIENCE_SECS)
        try:
            client = first.client()
            lock = client.acquire_resource_lock(resource_key="file:a", owner="a")
        finally:
            assert first.stop() == 0
        with running_daemon(environment, start_secs=PATIENCE_SECS), client:
            assert isinstance(lock, GrantedLock)
            client.release_resource_lock(resource_key="file:a", lease_id=lock.lease_id)

    def test_a_killed_daemon_ends_the_calls_that_wait(self, home: Path) -> None:
        with running_daemon(
            private_environment(process_environment(), home), start_secs=PATIENCE_SECS
        ) as started:
            with started.client() as holder, started.client() as waiter:
                holder.acquire_resource_lock(resource_key="file:a", owner="a")
                with ThreadPoolExecutor(1) as pool:
                    turn = pool.submit(
                        waiter.acquire_resource_lock,
                        resource_key="file:a",
                        owner="b",
                        wait_secs=60,
                    )
                    while holder.call("Metrics")["runtime"]["waiters"] == 0:
                        pass
                    assert started.kill() == -signal.SIGKILL
                    with pytest.raises(Unavailable) as caught:
                        turn.result(PATIENCE_SECS)
            assert caught.value.reason == "connection_lost"

    def test_a_daemon_that_cannot_start_says_why(self, home: Path) -> None:
        environment = private_environment(process_environment(), home, AGENTD_MAX_WAITERS="many")
        with pytest.raises(Unavailable, match="AGENTD_MAX_WAITERS"):
            start_daemon(environment)

    def test_the_user_s_own_settings_are_left_out(self, home: Path) -> None:
        environment = private_environment(
            {"PATH": "/bin", "AGENTD_DATABASE_URL": "sqlite:///precious.db", "RUST_LOG": "trace"},
            home,
            AGENTD_SWEEP_SECS="5",
        )
        assert environment == {
            "PATH": "/bin",
            "AGENTD_HOME": str(home),
            "AGENTD_SWEEP_SECS": "5",
        }

    def test_no_daemon_outlives_its_starter(self, home: Path) -> None:
        program = (
            "import sys, time; from pathlib import Path;"
            "from agentd.client.autostart import private_environment, start_daemon;"
            "from agentd.settings import process_environment;"
            "d = start_daemon(private_environment(process_environment(), Path(sys.argv[1])));"
            "print(d.socket_path, flush=True); time.sleep(600)"
        )
        starter = subprocess.Popen(
            [sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert starter.stdout is not None
            path = starter.stdout.readline().strip()
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as witness:
                witness.settimeout(PATIENCE_SECS)
                witness.connect(path)
                os.kill(starter.pid, signal.SIGKILL)
                assert witness.recv(1) == b""  # The daemon has closed it: it is gone.
        finally:
            starter.kill()
            starter.communicate()
