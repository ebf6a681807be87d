"""A daemon's answers, made up call by call: what `collect` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_START = 1_789_999_000


@dataclass
class FakeDaemon:
    """Answers `ListResourceLocks` and `ListEvents` in the daemon's own form."""

    locks: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    page_rows_max: int = 1_000

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        asked = params or {}
        if method == "ListResourceLocks":
            return {"locks": list(self.locks)}
        assert method == "ListEvents"
        found = [
            event
            for event in self.events
            if event["seq"] > asked.get("after_seq", 0)
            and event["action_type"] in asked["action_types"]
        ]
        page = found[: min(asked["limit"], self.page_rows_max)]
        return {"events": page, "last_seq": page[-1]["seq"] if page else 0}

    def lock(
        self,
        key: str,
        owner: str,
        metadata: Mapping[str, Any],
        *,
        provider: str = "openai",
        namespace: str = "",
        mode: str = "exclusive",
    ) -> dict[str, Any]:
        """Grants a lock."""
        token = len([e for e in self.events if e["action_type"] == "lock.acquired"]) + 1
        lock = {
            "resource_key": key,
            "namespace": namespace,
            "owner": owner,
            "provider": provider,
            "mode": mode,
            "fencing_token": token,
            "acquired_at": self._next_time(),
            "expires_at": _START + 600,
            "metadata": dict(metadata),
        }
        self._lock_event("lock.acquired", lock)
        self.locks.append(lock)
        return lock

    def release(self, lock: Mapping[str, Any]) -> None:
        """Ends a lock."""
        self.locks.remove(dict(lock))
        self._lock_event("lock.released", lock)

    def commit(
        self,
        kind: str,
        owner: str,
        payload: Mapping[str, Any],
        *,
        node: str = "node-1",
        provider: str = "openai",
    ) -> None:
        """Appends a worker's event."""
        self._append(kind, owner, provider, None, dict(payload), ("task-1", node))

    def _lock_event(self, kind: str, lock: Mapping[str, Any]) -> None:
        names = ("namespace", "mode", "fencing_token", "expires_at", "metadata")
        payload = {name: lock[name] for name in names}
        self._append(kind, lock["owner"], lock["provider"], lock["resource_key"], payload)

    def _append(
        self,
        kind: str,
        owner: str,
        provider: str,
        key: str | None,
        payload: dict[str, Any],
        where: tuple[str | None, str | None] = (None, None),
    ) -> None:
        self.events.append(
            {
                "seq": len(self.events) + 1,
                "event_id": f"event-{len(self.events) + 1}",
                "at": self._next_time(),
                "action_type": kind,
                "task_id": where[0],
                "node_id": where[1],
                "session_id": None,
                "resource_key": key,
                "owner": owner,
                "provider": provider,
                "payload": payload,
            }
        )

    def _next_time(self) -> str:
        moment = datetime.fromtimestamp(_START + len(self.events), UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
