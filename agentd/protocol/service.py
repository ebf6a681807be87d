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

    protocol: str
    version: str
    transport: str
    framing: JsonObject
    state_model: JsonObject
    methods: list[JsonObject]
    errors: list[JsonObject]
    limits: JsonObject


class HealthParams(Params):
    """Nothing to say."""


class HealthResult(Result):
    """Whether daemon and database answer."""

    status: Literal["ok"]
    database: Literal["ok"]
    running_timeout_secs: int
    context_event_limit: int
    version: str
    protocol: str
    uptime_secs: float
    schema_version: int


class MetricsFormat(StrEnum):
    """JSON, or the text that a Prometheus server scrapes."""

    JSON = "json"
    PROMETHEUS = "prometheus"


class MetricsParams(Params):
    """In which form."""

    format: MetricsFormat = MetricsFormat.JSON


class MethodMetrics(Result):
    """One method since the start of the daemon."""

    count: int
    errors: int
    p50_ms: float
    p99_ms: float


class RuntimeMetrics(Result):
    """Counters since the start of the daemon."""

    registered_tasks: int
    acquire_attempts: int
    acquired_nodes: int
    average_acquisition_latency_micros: float
    committed_events: int
    heartbeats: int
    completed_nodes: int
    failed_nodes: int
    timeout_rollbacks: int
    locks_granted: int
    locks_denied: int
    locks_expired: int
    requests: dict[str, MethodMetrics]
    connections: int
    waiters: int


class DatabaseMetrics(Result):
    """Gauges of what is stored."""

    schema_version: int
    latest_schema_version: int
    total_tasks: int
    total_nodes: int
    total_events: int
    running_leases: int
    expired_running_leases: int
    node_status_counts: dict[str, int]
    active_locks: int
    bytes: int = Field(description="Size of the database's files.")


class MetricsResult(Result):
    """All numbers."""

    uptime_secs: float
    running_timeout_secs: int
    context_event_limit: int
    runtime: RuntimeMetrics
    database: DatabaseMetrics


class MetricsText(Result):
    """All numbers, in Prometheus' text format."""

    text: str
