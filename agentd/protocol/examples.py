"""One example call per method, shown by DescribeInterface and in `docs/protocol.md`.

They are checked against the methods' models by the tests, and the numbers in them are made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_TASK: Final = "7d0c6f0e-3a64-4c58-9d7e-0b3f6a1c2d4e"
_NODE: Final = "a1f1d2c3-5b6a-4f7e-8c9d-1e2f3a4b5c6d"
_NEXT: Final = "b2e2c3d4-6c7b-4a8f-9dae-2f3a4b5c6d7e"
_LEASE: Final = "c3d3e4f5-7d8c-4b9a-8ebf-3a4b5c6d7e8f"
_EVENT: Final = "d4c4f5a6-8e9d-4cab-9fc0-4b5c6d7e8f90"
_REVIEW: Final = "e5b5a6b7-9fae-4dbc-80d1-5c6d7e8f9001"
_AT: Final = "2026-01-31T12:00:00.000Z"
_EXPIRES: Final = 1769861100
_COMMIT: Final = "5f3c1a2b4d6e8f9071a2b3c4d5e6f708192a3b4c"
_TREE: Final = "9a8b7c6d5e4f30211203f4e5d6c7b8a990817263"
_BUNDLE: Final = "b-3f9c2d1e8a7b6c5d"


@dataclass(frozen=True, slots=True)
class Example:
    """A request's params and the result that answers it."""

    params: Mapping[str, Any]
    result: Any


_METADATA: Final = {
    "intent": "document the retry policy",
    "base_revision": f"git:{_COMMIT}",
    "touched_paths": ["docs/retry.md"],
    "diff_summary": "new section on back-off",
    "confidence": "medium",
    "verification": ["make docs"],
}

_LOCK: Final = {
    "resource_key": "file:docs/retry.md",
    "namespace": "",
    "owner": "codex-a",
    "provider": "openai",
    "mode": "exclusive",
    "fencing_token": 17,
    "acquired_at": _AT,
    "expires_at": _EXPIRES,
    "metadata": _METADATA,
}

_TASK_INFO: Final = {
    "id": _TASK,
    "goal": "ship the retry policy",
    "context": {"repository": "/home/me/project"},
    "created_at": _AT,
}

_REVIEW_RECORD: Final = {
    "review_id": _REVIEW,
    "created_at": _AT,
    "repository": "/home/me/project",
    "target": {"ref": "refs/heads/main", "commit": _COMMIT},
    "bundles": [
        {
            "bundle_id": _BUNDLE,
            "owner": "codex-a",
            "provider": "openai",
            "source": {"kind": "event", "task_id": _TASK, "node_id": _NODE},
        }
    ],
    "findings": [],
    "decisions": [
        {
            "bundle_id": _BUNDLE,
            "action": "merge",
            "reasons": [
                {
                    "reason": "compatible",
                    "message": "Nothing else touches its lines.",
                    "evidence": {},
                }
            ],
        }
    ],
    "verification": [],
    "integration": {"order": [_BUNDLE], "commit": _COMMIT, "tree": _TREE, "ref": None},
}

_EVENT_ENTRY: Final = {
    "seq": 42,
    "event_id": _EVENT,
    "at": _AT,
    "action_type": "intent",
    "task_id": _TASK,
    "node_id": _NODE,
    "session_id": None,
    "resource_key": None,
    "owner": "codex-a",
    "provider": "openai",
    "payload": {"intent": "document the retry policy"},
}

_LEASED_NODE: Final[Mapping[str, Any]] = {
    "id": _NODE,
    "task_id": _TASK,
    "key": "write",
    "status": "RUNNING",
    "dependencies": [],
    "payload_schema": {"type": "object"},
    "result_payload": None,
    "acquired_at": _AT,
    "lease_id": _LEASE,
    "lease_owner": "codex-a",
    "lease_expires_at": _EXPIRES,
    "updated_at": _AT,
}

_COUNTS: Final = {"PENDING": 1, "RUNNING": 1, "COMPLETED": 0, "FAILED": 0}

EXAMPLES: Final[Mapping[str, Example]] = {
    "RegisterTask": Example(
        {
            "goal": "ship the retry policy",
            "context": {"repository": "/home/me/project"},
            "initial_nodes": [
                {"key": "write", "payload_schema": {"type": "object"}},
                {"key": "review", "dependencies": ["write"], "requires": ["review"]},
            ],
        },
        {
            "task_id": _TASK,
            "node_ids": [_NODE, _NEXT],
            "nodes": {"write": _NODE, "review": _NEXT},
        },
    ),
    "AcquireNextNode": Example(
        {"task_id": _TASK, "lease_owner": "codex-a", "provider": "openai"},
        {
            "task_id": _TASK,
            "node_id": _NODE,
            "lease_id": _LEASE,
            "lease_owner": "codex-a",
            "lease_expires_at": _EXPIRES,
            "attempt": 1,
            "context": {
                "task": _TASK_INFO,
                "node": _LEASED_NODE,
                "completed_dependencies": [],
                "event_journal_limit": 50,
                "event_journal": [_EVENT_ENTRY],
                "previous_attempts": [],
            },
        },
    ),
    "HeartbeatNode": Example(
        {"task_id": _TASK, "node_id": _NODE, "lease_id": _LEASE},
        {"ok": True, "lease_expires_at": _EXPIRES, "cancel_requested": False},
    ),
    "CommitEvent": Example(
        {
            "task_id": _TASK,
            "node_id": _NODE,
            "lease_id": _LEASE,
            "action_type": "intent",
            "payload": _METADATA,
        },
        {"event_id": _EVENT, "seq": 42},
    ),
    "CompleteNode": Example(
        {
            "task_id": _TASK,
            "node_id": _NODE,
            "lease_id": _LEASE,
            "result_payload": {"pages": 1},
        },
        {"event_id": _EVENT, "unblocked": [_NEXT], "task_finished": False},
    ),
    "FailNode": Example(
        {
            "task_id": _TASK,
            "node_id": _NODE,
            "lease_id": _LEASE,
            "error_payload": {"message": "the model did not answer"},
            "retryable": True,
        },
        {"event_id": _EVENT, "status": "PENDING", "attempts": 1},
    ),
    "TaskStatus": Example(
        {"task_id": _TASK, "limit": 100},
        {
            "task": _TASK_INFO,
            "state": "active",
            "counts": _COUNTS,
            "next_cursor": None,
            "nodes": [
                {
                    "id": _NODE,
                    "task_id": _TASK,
                    "key": "write",
                    "status": "RUNNING",
                    "dependencies": [],
                    "payload_schema": {"type": "object"},
                    "result_payload": None,
                    "error_payload": None,
                    "acquired_at": _AT,
                    "lease_owner": "codex-a",
                    "lease_provider": "openai",
                    "lease_expires_at": _EXPIRES,
                    "attempts": 1,
                    "max_attempts": None,
                    "priority": 0,
                    "requires": [],
                    "blocked_by": [],
                    "updated_at": _AT,
                }
            ],
        },
    ),
    "ListTasks": Example(
        {"state": "active", "limit": 20},
        {
            "tasks": [
                {
                    "id": _TASK,
                    "goal": "ship the retry policy",
                    "state": "active",
                    "counts": _COUNTS,
                    "created_at": _AT,
                }
            ],
            "next_cursor": None,
        },
    ),
    "CancelTask": Example(
        {"task_id": _TASK, "reason": "no longer wanted"},
        {"counts": {"PENDING": 0, "RUNNING": 1, "COMPLETED": 0, "FAILED": 1}},
    ),
    "AcquireResourceLock": Example(
        {
            "resource_key": "file:docs/retry.md",
            "owner": "codex-a",
            "provider": "openai",
            "ttl_secs": 600,
            "metadata": _METADATA,
        },
        {**_LOCK, "lease_id": _LEASE},
    ),
    "AcquireResourceLocks": Example(
        {
            "resource_keys": ["file:docs/retry.md"],
            "owner": "codex-a",
            "provider": "openai",
            "metadata": _METADATA,
        },
        {"locks": [{**_LOCK, "lease_id": _LEASE}]},
    ),
    "HeartbeatResourceLock": Example(
        {"resource_key": "file:docs/retry.md", "lease_id": _LEASE, "ttl_secs": 600},
        {"ok": True, "expires_at": _EXPIRES},
    ),
    "ReleaseResourceLock": Example(
        {"resource_key": "file:docs/retry.md", "lease_id": _LEASE}, {"ok": True}
    ),
    "ListResourceLocks": Example(
        {"prefix": "file:docs/", "limit": 100}, {"locks": [_LOCK], "next_cursor": None}
    ),
    "ListEvents": Example(
        {"after_seq": 41, "task_id": _TASK, "wait_secs": 30},
        {"events": [_EVENT_ENTRY], "last_seq": 42},
    ),
    "RecordDecision": Example({"review": _REVIEW_RECORD}, {"review_id": _REVIEW, "seq": 43}),
    "ListDecisions": Example(
        {"repository": "/home/me/project"}, {"reviews": [_REVIEW_RECORD], "last_seq": 43}
    ),
    "DescribeInterface": Example(
        {},
        {
            "protocol": "agentd-jsonl-v1",
            "version": "0.1.0",
            "transport": "unix-domain-socket",
            "framing": {"encoding": "utf-8"},
            "state_model": {"node_states": ["PENDING", "RUNNING", "COMPLETED", "FAILED"]},
            "methods": [],
            "errors": [],
            "limits": {"line_bytes_max": 1048576},
        },
    ),
    "Health": Example(
        {},
        {
            "status": "ok",
            "database": "ok",
            "running_timeout_secs": 300,
            "context_event_limit": 50,
            "version": "0.1.0",
            "protocol": "agentd-jsonl-v1",
            "uptime_secs": 12.5,
            "schema_version": 1,
        },
    ),
    "Metrics": Example(
        {"format": "prometheus"},
        {"text": "# TYPE agentd_connections gauge\nagentd_connections 3\n"},
    ),
}
