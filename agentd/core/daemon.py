"""The composition root: makes the daemon's parts, ties them together, starts and stops them."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from agentd import __version__
from agentd.core import limits
from agentd.core.clock import Clock, Instant, SystemClock
from agentd.core.dispatch import Dispatcher
from agentd.core.expiry import Expiry
from agentd.core.follow import Followers
from agentd.core.ids import IdSource, RandomIds
from agentd.core.indexing import Indexing
from agentd.core.instance import InstanceLock, bind_socket, inherited_socket, notify_systemd
from agentd.core.lock_waits import LockWaits
from agentd.core.logs import configure
from agentd.core.metrics import Metrics
from agentd.core.node_waits import NodeWaits
from agentd.core.open_files import room_for_clients
from agentd.core.operations.table import READS, WRITES
from agentd.core.operations.transaction import LeaseConfig
from agentd.core.registering import Registering
from agentd.core.server import Server
from agentd.core.service import Service
from agentd.core.storage import registration
from agentd.core.storage.database import Reader, backup, open_writer, translated_errors
from agentd.core.storage.database_file import DatabaseFile
from agentd.core.storage.journal import last_instant, resources_mark
from agentd.core.storage.migrations import LATEST_VERSION
from agentd.core.waiting import WaitingRoom
from agentd.core.writer import Writer
from agentd.settings import Settings, process_environment

logger = logging.getLogger(__name__)

_GARBAGE_LOOKED_AT: Final = 50_000
"""Objects made between two looks for cycles. A request makes dozens, hardly ever a cycle; looking
as often as Python does by itself costs every twentieth request."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a daemon takes from the world, so that a test can give it another one."""

    clock: Callable[[Instant], Clock] = SystemClock
    """Makes the clock, which must not go back behind the instant it is given."""
    ids: IdSource = field(default_factory=RandomIds)
    open_writer: Callable[[Path], sqlite3.Connection] = open_writer
    environment: Mapping[str, str] = field(default_factory=dict)
    """For what systemd says."""


class Daemon:
    """One daemon, from its lock file to its last answer."""

    def __init__(self, settings: Settings, sources: Sources | None = None) -> None:
        self._settings = settings
        self._sources = sources or Sources()
        self._cleanup = AsyncExitStack()
        self.expiry: Expiry
        """Looks at the clock when told to; a test that moves the clock tells it."""

    async def start(self) -> None:
        """Serves from here on. Whatever goes wrong leaves nothing behind but the database."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._cleanup = stack.pop_all()

    async def stop(self) -> None:
        """Finishes what is in flight, answers who waits, and lets go of everything."""
        notify_systemd(self._sources.environment, "STOPPING=1")
        await self._cleanup.aclose()
        logger.info("stopped")

    async def _start(self, stack: AsyncExitStack) -> None:
        settings, sources = self._settings, self._sources
        lock = InstanceLock.take(settings.home_layout, settings.database_path)
        stack.callback(lock.release)
        connection, file = self._open_database(stack)
        reader = await Reader.open(settings.database_path)
        stack.push_async_callback(reader.close)

        with translated_errors():
            clock = sources.clock(last_instant(connection))
            indexed_up_to = resources_mark(connection)
            is_half_registered = registration.find(connection) is not None
        metrics = Metrics()
        config = _lease_config(settings)
        writer = Writer(connection, clock, sources.ids, config, is_gone=file.is_gone)
        stack.push_async_callback(writer.stop)
        expiry = Expiry(writer, clock, settings.sweep_secs)
        service = Service(settings=settings, reader=reader, clock=clock, metrics=metrics)
        dispatcher = Dispatcher(
            writer=writer,
            reader=reader,
            clock=clock,
            metrics=metrics,
            freshness=expiry,
            writes=WRITES,
            reads=READS,
            local=service.operations,
        )
        indexing = Indexing(writer, indexed_up_to)
        stack.push_async_callback(indexing.stop)
        writer.listen(indexing.notice)
        registering = _registering(settings, dispatcher, writer)
        stack.push_async_callback(registering.stop)
        if is_half_registered:
            registering.tidy_up()
        room = _waits(settings, dispatcher, writer, metrics)
        writer.listen(expiry.notice)
        writer.listen(lambda effects: metrics.counts.update(effects.counts))
        await expiry.start()
        stack.push_async_callback(expiry.stop)
        self.expiry = expiry

        server = Server(
            dispatcher,
            metrics,
            line_bytes_max=settings.max_line_bytes,
            connections_max=settings.max_connections,
        )
        await server.listen(self._socket(stack))

        async def drain() -> None:
            dispatcher.refuse_new()
            room.close()
            await server.drain(settings.drain_secs)

        stack.push_async_callback(drain)
        lock.announce()
        notify_systemd(sources.environment, f"READY=1\nMAINPID={os.getpid()}")
        self._say_where()

    def _open_database(self, stack: AsyncExitStack) -> tuple[sqlite3.Connection, DatabaseFile]:
        path = self._settings.database_path
        connection = self._sources.open_writer(path)
        try:
            file = DatabaseFile(path)
            stack.callback(file.close)
        finally:
            stack.callback(_close, connection)
        return connection, file

    def _say_where(self) -> None:
        fields = {
            "socket": str(self._settings.socket_path),
            "database": str(self._settings.database_path),
            "version": __version__,
            "pid": os.getpid(),
        }
        logger.info("listening", extra={"fields": fields})

    def _socket(self, stack: AsyncExitStack) -> socket.socket:
        inherited = inherited_socket(self._sources.environment)
        if inherited is not None:
            return inherited
        path = self._settings.socket_path
        listening = bind_socket(path)
        stack.callback(path.unlink, missing_ok=True)
        return listening


def _registering(settings: Settings, dispatcher: Dispatcher, writer: Writer) -> Registering:
    """Puts it in charge of the tasks that are large."""
    registering = Registering(writer, settings.max_line_bytes)
    dispatcher.take_over(
        "RegisterTask", registering.start, unchecked_from=limits.REGISTERED_AT_ONCE_BYTES
    )
    return registering


def _waits(
    settings: Settings, dispatcher: Dispatcher, writer: Writer, metrics: Metrics
) -> WaitingRoom:
    """Puts those in charge who know how calls wait."""
    room = WaitingRoom(settings.max_waiters, metrics)
    locks, nodes = LockWaits(room, metrics), NodeWaits(room)
    followers = Followers(room, dispatcher)
    dispatcher.take_over("AcquireResourceLock", locks.start)
    dispatcher.take_over("AcquireResourceLocks", locks.start)
    dispatcher.take_over("AcquireNextNode", nodes.start)
    dispatcher.take_over("ListEvents", followers.start)
    for notice in (locks.notice, nodes.notice, followers.notice):
        writer.listen(notice)
    return room


def _lease_config(settings: Settings) -> LeaseConfig:
    return LeaseConfig(
        node_timeout_secs=settings.node_timeout_secs,
        context_event_limit=settings.context_event_limit,
        payload_bytes_max=settings.max_line_bytes,
    )


def _close(connection: sqlite3.Connection) -> None:
    """Brings everything into the database file itself and closes it."""
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        # It is in the write-ahead log, from where the next daemon takes it.
        logger.warning("no checkpoint at the end", extra={"fields": {"reason": str(error)}})
    finally:
        connection.close()


async def _serve(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    daemon = Daemon(settings, Sources(environment=process_environment()))
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    await daemon.start()
    # What is here now stays, and a request leaves no circles behind: the collector has little to
    # find, so it need not look after every few hundred allocations.
    gc.freeze()
    gc.set_threshold(_GARBAGE_LOOKED_AT, 20, 100)
    await stop.wait()
    logger.info("stopping")
    await daemon.stop()


def serve(settings: Settings) -> None:
    """Runs the daemon until it is told to stop. Raises `AgentdError` when it cannot start."""
    os.umask(0o077)
    configure(settings.log, settings.log_format, sys.stderr)
    settings = replace(settings, max_connections=room_for_clients(settings.max_connections))
    try:
        import uvloop
    except ImportError:  # There is none for this platform.
        asyncio.run(_serve(settings))
    else:
        uvloop.run(_serve(settings))


def migrate_database(settings: Settings) -> int:
    """Brings the database to the latest schema and returns its version.

    Raises `AlreadyExists` (`already_running`) while a daemon has it, and what `open_writer` does.
    """
    lock = InstanceLock.take(settings.home_layout, settings.database_path)
    try:
        _close(open_writer(settings.database_path))
    finally:
        lock.release()
    return LATEST_VERSION


def backup_database(settings: Settings, target: Path) -> None:
    """Copies the database to a new file, also while a daemon uses it."""
    backup(settings.database_path, target)
