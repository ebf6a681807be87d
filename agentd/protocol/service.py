"""The daemon itself on the wire: its interface, its health, its numbers."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from agentd.protocol.fields import JsonObject, Params, Result


class DescribeInterfaceParams(Params):
    """Nothing to say."""


class DescribeInterfaceResult(Result):
    """The whole contract, as a client without generated code needs it."""

    protocol: str = Field(description="`agentd-jsonl-v1`.")
    version: str = Field(description="Of the daemon.")
    transport: str = Field(description="`unix-domain-socket`.")
    framing: JsonObject = Field(description="Encoding and limits of a line.")
    state_model: JsonObject = Field(description="States, transitions, lock modes, event types.")
    methods: list[JsonObject] = Field(
        description="Each with names, JSON Schemas of params and result, errors and an example."
    )
    errors: list[JsonObject] = Field(description="Every reason that can come over the wire.")
    limits: JsonObject = Field(description="By name.")


class HealthParams(Params):
    """Nothing to say."""


class HealthResult(Result):
    """Whether daemon and database answer."""

    status: Literal["ok"]
    database: Literal["ok"]
    running_timeout_secs: int = Field(description="AGENTD_NODE_TIMEOUT_SECS.")
    context_event_limit: int = Field(description="AGENTD_CONTEXT_EVENT_LIMIT.")
    version: str = Field(description="Of the daemon.")
    protocol: str = Field(description="`agentd-jsonl-v1`.")
    uptime_secs: float = Field(description="Since the daemon's start.")
    schema_version: int = Field(description="Of the database.")


class MetricsFormat(StrEnum):
    """JSON, or the text that a Prometheus server scrapes."""

    JSON = "json"
    PROMETHEUS = "prometheus"


class MetricsParams(Params):
    """In which form."""

    format: MetricsFormat = Field(
        default=MetricsFormat.JSON, description="JSON, or text for Prometheus."
    )


class MethodMetrics(Result):
    """One method since the start of the daemon."""

    count: int = Field(description="Requests answered.")
    errors: int = Field(description="Of these, with an error.")
    p50_ms: float = Field(description="Median time to the answer.")
    p99_ms: float = Field(description="99th percentile.")


class RuntimeMetrics(Result):
    """Counters since the start of the daemon."""

    registered_tasks: int
    acquire_attempts: int = Field(description="AcquireNextNode calls.")
    acquired_nodes: int = Field(description="Of these, with a node.")
    average_acquisition_latency_micros: float
    committed_events: int
    heartbeats: int
    completed_nodes: int
    failed_nodes: int
    timeout_rollbacks: int = Field(description="Node leases that ran out.")
    locks_granted: int
    locks_denied: int = Field(description="Lock requests answered null.")
    locks_expired: int
    requests: dict[str, MethodMetrics] = Field(description="By method.")
    connections: int = Field(description="Open now.")
    waiters: int = Field(description="Calls that wait now.")


class DatabaseMetrics(Result):
    """Gauges of what is stored."""

    schema_version: int
    latest_schema_version: int = Field(description="The newest that this daemon knows.")
    total_tasks: int
    total_nodes: int
    total_events: int
    running_leases: int = Field(description="Nodes that are RUNNING.")
    expired_running_leases: int = Field(description="Of these, past their end and not yet swept.")
    node_status_counts: dict[str, int] = Field(description="Number of nodes by status.")
    active_locks: int = Field(description="Locks that have not expired.")
    bytes: int = Field(description="Size of the database's files.")


class MetricsResult(Result):
    """All numbers."""

    uptime_secs: float = Field(description="Since the daemon's start.")
    running_timeout_secs: int = Field(description="AGENTD_NODE_TIMEOUT_SECS.")
    context_event_limit: int = Field(description="AGENTD_CONTEXT_EVENT_LIMIT.")
    runtime: RuntimeMetrics = Field(description="Counters since the daemon's start.")
    database: DatabaseMetrics = Field(description="Gauges of what is stored.")


class MetricsText(Result):
    """All numbers, in Prometheus' text format."""

    text: str = Field(description="The whole page.")
