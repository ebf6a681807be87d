"""What the daemon counts about itself, and the text in which Prometheus reads it.

A latency goes into one of some 200 buckets whose width grows with the value, so that a percentile
is right to an eighth whatever the load, at the cost of one list index a request. Knows no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_STEPS_PER_OCTAVE_BITS: Final = 3
_STEPS_PER_OCTAVE: Final = 1 << _STEPS_PER_OCTAVE_BITS
_MICROS_BITS_MAX: Final = 36
"""Nineteen hours: longer than any call may wait."""
_BUCKETS: Final = (_MICROS_BITS_MAX - _STEPS_PER_OCTAVE_BITS + 1) * _STEPS_PER_OCTAVE


def bucket_of(micros: int) -> int:
    """The bucket of a latency. Up to 7 µs each has its own, above there are eight an octave."""
    if micros < _STEPS_PER_OCTAVE:
        return max(micros, 0)
    octave = micros.bit_length() - 1 - _STEPS_PER_OCTAVE_BITS
    return min((octave << _STEPS_PER_OCTAVE_BITS) + (micros >> octave), _BUCKETS - 1)


def bucket_end(bucket: int) -> int:
    """The first latency in microseconds that is above the bucket."""
    if bucket < _STEPS_PER_OCTAVE:
        return bucket + 1
    octave = (bucket >> _STEPS_PER_OCTAVE_BITS) - 1
    return (bucket - (octave << _STEPS_PER_OCTAVE_BITS) + 1) << octave


class MethodMetrics:
    """One method's counts and latencies. Those that waited have no latency."""

    __slots__ = ("buckets", "count", "errors", "timed", "total_micros")

    def __init__(self) -> None:
        self.count = 0
        self.errors = 0
        self.timed = 0
        self.total_micros = 0
        self.buckets = [0] * _BUCKETS

    def observe(self, micros: int, *, failed: bool) -> None:
        """Counts a call that was answered after `micros`."""
        self.count += 1
        self.timed += 1
        self.total_micros += micros
        self.buckets[bucket_of(micros)] += 1
        if failed:
            self.errors += 1

    def observe_untimed(self, *, failed: bool) -> None:
        """Counts a call whose duration says nothing: it waited, or was refused unseen."""
        self.count += 1
        if failed:
            self.errors += 1

    def quantile_ms(self, quantile: float) -> float:
        """An upper bound of the latency that this share of the calls kept to; 0 without calls."""
        rank = quantile * self.timed
        seen = 0
        for bucket, count in enumerate(self.buckets):
            seen += count
            if count and seen >= rank:
                return bucket_end(bucket) / 1000
        return 0.0

    def to_wire(self) -> dict[str, Any]:
        """The method's entry in the Metrics result."""
        return {
            "count": self.count,
            "errors": self.errors,
            "p50_ms": self.quantile_ms(0.5),
            "p99_ms": self.quantile_ms(0.99),
        }


RUNTIME_COUNTERS: Final = (
    "registered_tasks",
    "acquire_attempts",
    "acquired_nodes",
    "committed_events",
    "heartbeats",
    "completed_nodes",
    "failed_nodes",
    "timeout_rollbacks",
    "locks_granted",
    "locks_denied",
    "locks_expired",
)
"""What operations count, by the names that they use in their effects."""


@dataclass(slots=True)
class Metrics:
    """All counters since the start of the daemon."""

    counts: Counter[str] = field(default_factory=Counter)
    requests: dict[str, MethodMetrics] = field(default_factory=dict)
    connections: int = 0
    waiters: int = 0

    def method(self, name: str) -> MethodMetrics:
        """The counters of a method, made at its first use."""
        return self.requests.setdefault(name, MethodMetrics())

    def runtime(self) -> dict[str, Any]:
        """The `runtime` part of the Metrics result."""
        acquiring = self.requests.get("AcquireNextNode")
        return {
            **{name: self.counts[name] for name in RUNTIME_COUNTERS},
            "average_acquisition_latency_micros": (
                acquiring.total_micros / acquiring.timed if acquiring and acquiring.timed else 0.0
            ),
            "requests": {
                name: method.to_wire()
                for name, method in sorted(self.requests.items())
                if method.count
            },
            "connections": self.connections,
            "waiters": self.waiters,
        }


_RUNTIME_GAUGES: Final = {
    "connections": "Clients connected now.",
    "waiters": "Calls that wait now.",
    "average_acquisition_latency_micros": "Mean time of an AcquireNextNode that did not wait.",
}
_DATABASE_TEXT: Final = {
    "schema_version": "Version of the database's schema.",
    "latest_schema_version": "Version of the schema that this daemon writes.",
    "total_tasks": "Tasks stored.",
    "total_nodes": "Nodes stored.",
    "total_events": "Events in the journal.",
    "running_leases": "Nodes that are leased.",
    "expired_running_leases": "Leases that ran out and are not rolled back yet.",
    "active_locks": "Locks that are held.",
    "bytes": "Size of the database's files.",
}


def prometheus_text(result: Mapping[str, Any]) -> str:
    """A Metrics result in Prometheus' text exposition format 0.0.4."""
    return "".join(f"{line}\n" for line in _prometheus_lines(result))


def _prometheus_lines(result: Mapping[str, Any]) -> Iterator[str]:
    runtime, database = result["runtime"], result["database"]
    yield from _metric(
        "agentd_uptime_seconds", "gauge", "Since the daemon started.", [("", result["uptime_secs"])]
    )
    for name in RUNTIME_COUNTERS:
        text = f"{name.replace('_', ' ').capitalize()} since the daemon started."
        yield from _metric(f"agentd_{name}_total", "counter", text, [("", runtime[name])])
    for name, text in _RUNTIME_GAUGES.items():
        yield from _metric(f"agentd_{name}", "gauge", text, [("", runtime[name])])
    requests = runtime["requests"]
    for counter, kind, text in (
        ("count", "requests", "Requests answered, by method."),
        ("errors", "request_errors", "Requests answered with an error, by method."),
    ):
        samples = [(f'{{method="{name}"}}', row[counter]) for name, row in requests.items()]
        yield from _metric(f"agentd_{kind}_total", "counter", text, samples)
    quantiles = [
        (f'{{method="{name}",quantile="{quantile}"}}', row[key] / 1000)
        for name, row in requests.items()
        for key, quantile in (("p50_ms", "0.5"), ("p99_ms", "0.99"))
    ]
    yield from _metric("agentd_request_seconds", "gauge", "Latency by method.", quantiles)
    for name, text in _DATABASE_TEXT.items():
        yield from _metric(f"agentd_database_{name}", "gauge", text, [("", database[name])])
    statuses = database["node_status_counts"].items()
    by_status = [(f'{{status="{status}"}}', count) for status, count in statuses]
    yield from _metric("agentd_database_nodes", "gauge", "Nodes by status.", by_status)


def _metric(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield f"{name}{labels} {value}"
