"""Latency buckets, percentiles, and the Prometheus text."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from agentd.core.metrics import MethodMetrics, Metrics, bucket_end, bucket_of, prometheus_text


@given(st.integers(min_value=0, max_value=1 << 35))
def test_a_bucket_ends_above_its_latencies_by_an_eighth_at_most(micros: int) -> None:
    end = bucket_end(bucket_of(micros))
    assert micros < end <= micros + max(1, micros / 8) + 1


@given(st.integers(min_value=0, max_value=1 << 40), st.integers(min_value=0, max_value=1 << 40))
def test_longer_latencies_are_in_no_lower_bucket(one: int, other: int) -> None:
    shorter, longer = sorted((one, other))
    assert bucket_of(shorter) <= bucket_of(longer)


def test_percentiles_bound_the_share_of_calls_that_they_name() -> None:
    method = MethodMetrics()
    for micros in range(1, 101):
        method.observe(micros * 1000, failed=micros == 7)
    wire = method.to_wire()
    assert wire["count"] == 100
    assert wire["errors"] == 1
    assert 50 <= wire["p50_ms"] <= 50 * 9 / 8
    assert 99 <= wire["p99_ms"] <= 99 * 9 / 8


def test_a_call_that_waited_counts_without_a_latency() -> None:
    method = MethodMetrics()
    method.observe_untimed(failed=False)
    assert method.to_wire() == {"count": 1, "errors": 0, "p50_ms": 0.0, "p99_ms": 0.0}


def test_prometheus_text_names_every_number_once_and_explains_it() -> None:
    metrics = Metrics()
    metrics.counts["locks_granted"] += 3
    metrics.method("Health").observe(250, failed=False)
    text = prometheus_text(
        {
            "uptime_secs": 1.5,
            "runtime": metrics.runtime(),
            "database": {
                "schema_version": 1,
                "latest_schema_version": 1,
                "total_tasks": 2,
                "total_nodes": 3,
                "total_events": 4,
                "running_leases": 1,
                "expired_running_leases": 0,
                "node_status_counts": {"PENDING": 2, "RUNNING": 1},
                "active_locks": 5,
                "bytes": 4096,
            },
        }
    )
    lines = text.splitlines()
    assert "agentd_locks_granted_total 3" in lines
    assert 'agentd_requests_total{method="Health"} 1' in lines
    assert 'agentd_request_seconds{method="Health",quantile="0.99"} 0.000256' in lines
    assert 'agentd_database_nodes{status="RUNNING"} 1' in lines
    sample = re.compile(r'^[a-z_]+(\{[a-z]+="[^"]+"(,[a-z]+="[^"]+")*\})? [0-9.e+-]+$')
    samples = [line for line in lines if not line.startswith("#")]
    assert all(sample.match(line) for line in samples), samples
    names = {line.split("{")[0].split(" ")[0] for line in samples}
    assert {line.split(" ")[2] for line in lines if line.startswith("# TYPE")} >= names
    assert len(samples) == len({line.rpartition(" ")[0] for line in samples})
