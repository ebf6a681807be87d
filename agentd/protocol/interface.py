"""What DescribeInterface answers: the contract, built from the tables that define it."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from agentd import __version__
from agentd.core import limits, states
from agentd.errors import REASONS
from agentd.protocol.methods import METHODS, Method, reasons_of

PROTOCOL: Final = "agentd-jsonl-v1"
TRANSPORT: Final = "unix-domain-socket"


@cache
def describe_interface(line_bytes_max: int = limits.LINE_BYTES_DEFAULT) -> dict[str, Any]:
    """The whole contract as a JSON object. Built once: the schemas take a while."""
    return {
        "protocol": PROTOCOL,
        "version": __version__,
        "transport": TRANSPORT,
        "framing": {
            "encoding": "utf-8",
            "request": "one JSON object per line",
            "response": "one JSON object per line, in request order except calls that wait",
            "line_bytes_max": line_bytes_max,
        },
        "state_model": {
            "node_states": [status.value for status in states.NodeStatus],
            "transitions": [
                {
                    "from": step.source.value,
                    "to": step.target.value,
                    "event": step.action.value,
                    "cause": step.cause,
                }
                for step in states.TRANSITIONS
            ],
            "lock_modes": [mode.value for mode in states.LockMode],
            "event_types": [action.value for action in states.Action],
        },
        "methods": [describe_method(method) for method in METHODS.values()],
        "errors": describe_errors(),
        "limits": describe_limits(line_bytes_max),
    }


def describe_method(method: Method) -> dict[str, Any]:
    """One method: names, schemas, errors, an example."""
    return {
        "method": method.name,
        "aliases": [method.snake_name, *method.aliases],
        "family": method.family,
        "summary": method.summary,
        "params": method.params.model_json_schema(by_alias=False),
        "result": method.result_adapter.json_schema(),
        "errors": list(reasons_of(method)),
        "example": {"params": method.example.params, "result": method.example.result},
    }


def describe_errors() -> list[dict[str, Any]]:
    """Every reason that can come over the wire."""
    return [
        {
            "code": reason.error.code,
            "class": reason.error.kind,
            "reason": name,
            "retry": reason.retry.value,
            "meaning": reason.meaning,
            "hint": reason.hint,
            "data": list(reason.data),
        }
        for name, reason in REASONS.items()
        if not reason.local
    ]


def describe_limits(line_bytes_max: int) -> dict[str, int]:
    """The limits that a client can run into."""
    return {
        "line_bytes_max": line_bytes_max,
        "json_depth_max": limits.JSON_DEPTH_MAX,
        "requests_in_flight_per_connection_max": limits.REQUESTS_IN_FLIGHT_PER_CONNECTION,
        "lease_secs_min": limits.LEASE_SECS_MIN,
        "lease_secs_max": limits.LEASE_SECS_MAX,
        "wait_secs_max": limits.WAIT_SECS_MAX,
        "nodes_per_task_max": limits.NODES_PER_TASK_MAX,
        "dependencies_per_task_max": limits.DEPENDENCIES_PER_TASK_MAX,
        "locks_per_request_max": limits.LOCKS_PER_REQUEST_MAX,
        "resource_key_chars_max": limits.RESOURCE_KEY_CHARS_MAX,
        "name_chars_max": limits.NAME_CHARS_MAX,
        "idempotency_key_chars_max": limits.IDEMPOTENCY_KEY_CHARS_MAX,
        "idempotency_secs": limits.IDEMPOTENCY_SECS,
        "events_page_max": limits.EVENTS_PAGE_MAX,
        "page_chars_max": limits.PAGE_CHARS_MAX,
    }
