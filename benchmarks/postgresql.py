"""PostgreSQL as a lock table: its schema, the two statements that acquire and release, the server.

Each operation is one statement and so one round trip and one commit; it journals what it does, as
agentd does. asyncpg is imported only when a connection is made.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING

from benchmarks.report import BenchmarkFailed
from benchmarks.servers import START_SECS_MAX, Missing, Server, running
from benchmarks.workplace import Workplace

if TYPE_CHECKING:
    import asyncpg

SCHEMA = """
CREATE TABLE locks (
    resource_key text PRIMARY KEY,
    lease_id uuid NOT NULL,
    fencing_token bigserial NOT NULL,
    owner text NOT NULL,
    provider text NOT NULL,
    metadata jsonb NOT NULL,
    acquired_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE TABLE journal (
    seq bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    action_type text NOT NULL,
    resource_key text NOT NULL,
    owner text NOT NULL,
    provider text NOT NULL,
    payload jsonb NOT NULL
);
CREATE INDEX journal_by_key ON journal (resource_key, seq);
"""

ACQUIRE = """
WITH granted AS (
    INSERT INTO locks (resource_key, lease_id, owner, provider, metadata, acquired_at, expires_at)
    VALUES ($1, gen_random_uuid(), $2, 'codex',
            '{"intent": "tidy the module", "base_revision": "git:main"}',
            now(), now() + make_interval(secs => $3))
    ON CONFLICT (resource_key) DO UPDATE
        SET lease_id = excluded.lease_id, fencing_token = excluded.fencing_token,
            owner = excluded.owner, provider = excluded.provider, metadata = excluded.metadata,
            acquired_at = excluded.acquired_at, expires_at = excluded.expires_at
        WHERE locks.expires_at <= now()
    RETURNING resource_key, owner, provider, metadata, lease_id
), journaled AS (
    INSERT INTO journal (action_type, resource_key, owner, provider, payload)
    SELECT 'lock.acquired', resource_key, owner, provider, metadata FROM granted
)
SELECT lease_id FROM granted
"""

RELEASE = """
WITH gone AS (
    DELETE FROM locks WHERE resource_key = $1 AND lease_id = $2
    RETURNING resource_key, owner, provider, metadata
)
INSERT INTO journal (action_type, resource_key, owner, provider, payload)
SELECT 'lock.released', resource_key, owner, provider, metadata FROM gone
RETURNING seq
"""

Acquire = Callable[[str, str, float], Awaitable[object]]
"""(resource key, owner, seconds) -> the lease, or None where the lock is held."""
Release = Callable[[str, object], Awaitable[object]]
"""(resource key, lease) -> a journal number, or None where the lease is not the current one."""


async def connect(directory: str) -> asyncpg.Connection:
    """A connection to the server whose socket lies in `directory`."""
    import asyncpg

    return await asyncpg.connect(host=directory, user="agentd", database="postgres")


async def prepare(connection: asyncpg.Connection) -> tuple[Acquire, Release]:
    """The two operations, prepared on a connection."""
    acquire = await connection.prepare(ACQUIRE)
    release = await connection.prepare(RELEASE)
    return acquire.fetchval, release.fetchval


@contextmanager
def server(workplace: Workplace) -> Iterator[Server]:
    """PostgreSQL with its default settings, which are durable, and the lock table."""
    if find_spec("asyncpg") is None:
        raise Missing("asyncpg is not installed (pip install 'agentd-coord[bench]')")
    directory = workplace.subdirectory("postgresql")
    sockets = workplace.sockets / "postgresql"
    sockets.mkdir(mode=0o755)
    installation = _Installation(
        _binaries(), directory, workplace.environment(directory), _account()
    )
    if installation.account is not None:
        for path in (directory, sockets):
            os.chown(path, installation.account.pw_uid, installation.account.pw_gid)
    data = str(directory / "data")
    installation.run("initdb", "-D", data, "-U", "agentd", "--auth=trust")
    settings = (
        "listen_addresses=",
        "fsync=on",
        "synchronous_commit=on",
        "wal_sync_method=fdatasync",
    )
    command = [
        str(installation.binaries / "postgres"),
        *("-D", data, "-k", str(sockets)),
        *(word for setting in settings for word in ("-c", setting)),
    ]
    with running(
        command,
        directory,
        installation.environment,
        sockets / ".s.PGSQL.5432",
        account=installation.account,
        stop_signal=SIGINT,  # Its fast shutdown.
    ) as pid:
        ask = ("psql", "-h", str(sockets), "-U", "agentd", "-d", "postgres", "-q", "-c")
        installation.run_when_started(*ask, "SELECT 1")
        installation.run(*ask, SCHEMA)
        yield Server("postgresql", str(sockets), pid)


@dataclass(frozen=True, slots=True)
class _Installation:
    """PostgreSQL's programs, and how they are run."""

    binaries: Path
    directory: Path
    environment: Mapping[str, str]
    account: pwd.struct_passwd | None
    """Whom to run them as: PostgreSQL refuses to run as root."""

    def run(self, program: str, *arguments: str) -> None:
        """Runs one of the programs to its end."""
        done = subprocess.run(
            [str(self.binaries / program), *arguments],
            cwd=self.directory,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
            user=self.account.pw_uid if self.account else None,
            group=self.account.pw_gid if self.account else None,
            extra_groups=[] if self.account else None,
        )
        if done.returncode:
            raise BenchmarkFailed(f"{program} failed: {done.stderr.strip()}")

    def run_when_started(self, program: str, *arguments: str) -> None:
        """Runs it until it succeeds: PostgreSQL listens before it lets anybody in."""
        deadline = time.monotonic() + START_SECS_MAX
        while True:
            try:
                self.run(program, *arguments)
            except BenchmarkFailed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


def _binaries() -> Path:
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if found := shutil.which("initdb"):
        candidates.append(Path(found).resolve().parent)
    for directory in reversed(candidates):
        if all((directory / name).exists() for name in ("initdb", "postgres", "psql")):
            return directory
    raise Missing("PostgreSQL is not installed (Debian: apt install postgresql)")


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Missing("PostgreSQL does not run as root, and there is no user postgres or nobody")
