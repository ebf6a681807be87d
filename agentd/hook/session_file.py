"""What the hook remembers of a session from one call to the next: the leases of its locks.

One private file a session, in the home directory, held while a call is under way, so that parallel
calls of one session take turns. Losing it costs no lock its effect: a session is known by its name,
and only the renewing of locks needs the leases.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from agentd.hook.ending import HookTrouble

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_FILE_BYTES_MAX: Final = 16 * 1024 * 1024


class KeptLease(NamedTuple):
    """A lock of the session's."""

    namespace: str
    resource_key: str
    lease_id: str
    worktree: str
    """Where the file lies that it is for."""
    renewed_at: float
    """Unix seconds; when it was granted or renewed."""
    client: str = ""
    """The process of the program that has it, as `kin.client` names it."""


class SessionFile:
    """The leases of one session, read at the start of a `with` block and kept at its end."""

    def __init__(self, directory: str, owner: str) -> None:
        self._directory = directory
        self._path = os.path.join(directory, f"{_file_name(owner)}.json")
        self._descriptor = -1
        self.leases: dict[tuple[str, str], KeptLease] = {}
        """By namespace and key."""

    def __enter__(self) -> Self:
        """Waits for its turn. Raises `HookTrouble` where the file cannot be used."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            self._descriptor = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self.leases = _read(os.read(self._descriptor, _FILE_BYTES_MAX))
        except BaseException:
            os.close(self._descriptor)
            raise
        self._before = dict(self.leases)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self.leases != self._before:
                text = json.dumps([lease._asdict() for lease in self.leases.values()])
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, text.encode(), 0)
        except OSError as trouble:
            raise self._unusable(trouble) from None
        finally:
            os.close(self._descriptor)

    def _unusable(self, error: OSError) -> HookTrouble:
        return HookTrouble(
            f"cannot keep this session's locks in {self._path}: {error.strerror} (make room there, "
            "or set AGENTD_HOME to a directory of your own)"
        )

    @property
    def is_there(self) -> bool:
        """Whether anything was ever kept of the session."""
        return os.path.exists(self._path)

    def keep(self, lease: KeptLease) -> None:
        """Remembers a lock, instead of an earlier one of the same key."""
        self.leases[lease.namespace, lease.resource_key] = lease

    def forget(self, lease: KeptLease) -> None:
        """Forgets a lock that is no longer held."""
        self.leases.pop((lease.namespace, lease.resource_key), None)


def clients_of(directory: str, owner: str) -> frozenset[str]:
    """The processes whose session's locks carry a name; none where nothing was kept of it."""
    try:
        with open(os.path.join(directory, f"{_file_name(owner)}.json"), "rb") as file:
            leases = _read(file.read(_FILE_BYTES_MAX))
    except OSError:
        return frozenset()
    return frozenset(lease.client for lease in leases.values() if lease.client)


def sweep(directory: str, *, older_than: float) -> None:
    """Removes the files of sessions that have not been heard of since then (Unix seconds)."""
    try:
        names = os.listdir(directory)
    except OSError:
        return
    for name in names:
        path = os.path.join(directory, name)
        try:
            if name.endswith(".json") and os.lstat(path).st_mtime < older_than:
                os.unlink(path)
        except OSError:
            continue  # Somebody else swept it.


def _file_name(owner: str) -> str:
    if _PLAIN_NAME.fullmatch(owner):
        return owner
    import hashlib

    return f"sha256-{hashlib.sha256(owner.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _read(data: bytes) -> dict[tuple[str, str], KeptLease]:
    """What a file holds; nothing where it was cut off in the middle of writing."""
    try:
        listed = json.loads(data or b"[]")
        leases = [_lease(each) for each in listed]
    except (ValueError, TypeError, KeyError):
        return {}
    return {(lease.namespace, lease.resource_key): lease for lease in leases}


def _lease(raw: dict[str, Any]) -> KeptLease:
    return KeptLease(
        namespace=str(raw["namespace"]),
        resource_key=str(raw["resource_key"]),
        lease_id=str(raw["lease_id"]),
        worktree=str(raw["worktree"]),
        renewed_at=float(raw["renewed_at"]),
        client=str(raw.get("client", "")),
    )
