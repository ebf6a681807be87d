"""However many bundles a review has, the daemon's journal learns what was decided on each."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from agentd.cli.review_view import print_review
from agentd.conflicts.daemon_copy import BYTES_MAX, for_daemon
from agentd.conflicts.record import canonical_bytes
from agentd.conflicts.report.page import render_report
from agentd.core.limits import LINE_BYTES_DEFAULT
from agentd.protocol.decisions import RecordDecisionParams
from tests.conflicts.busy_review import recorded


def crowded(record: Mapping[str, Any], times: int) -> dict[str, Any]:
    """The record as if each of its bundles had come so many times."""

    def renamed(value: Any, number: int) -> Any:
        if isinstance(value, str):
            return f"{value}-{number}" if value.startswith("b-") else value
        if isinstance(value, Mapping):
            return {key: renamed(item, number) for key, item in value.items()}
        return [renamed(item, number) for item in value] if isinstance(value, list) else value

    many = dict(record)
    for part in ("bundles", "findings", "decisions", "edges"):
        many[part] = [renamed(each, number) for number in range(times) for each in record[part]]
    return many


@pytest.fixture
def record() -> dict[str, Any]:
    return recorded()


def test_a_record_that_fits_is_whole_but_for_its_inputs(record: dict[str, Any]) -> None:
    assert for_daemon(record) == {key: record[key] for key in record if key != "inputs"}


@pytest.mark.parametrize("bundles", [100, 300, 1_000, 1_500])
def test_every_decision_and_what_settled_it_fits(record: dict[str, Any], bundles: int) -> None:
    many = crowded(record, bundles // len(record["bundles"]))
    copy = for_daemon(many)
    assert len(canonical_bytes(copy)) <= BYTES_MAX < LINE_BYTES_DEFAULT
    assert [
        (each["bundle_id"], each["action"], each["reasons"][0]["reason"])
        for each in copy["decisions"]
    ] == [
        (each["bundle_id"], each["action"], each["reasons"][0]["reason"])
        for each in many["decisions"]
    ]
    assert bundles > 1_000 or all(each["reasons"][0]["message"] for each in copy["decisions"])
    assert [each["bundle_id"] for each in copy["bundles"]] == [
        each["bundle_id"] for each in many["bundles"]
    ]
    assert copy.get("shortened", False) == (copy["bundles"] != many["bundles"])


def against_others(record: Mapping[str, Any]) -> list[list[str]]:
    return [
        each["bundles"]
        for each in record["findings"]
        if each["severity"] == "error" and len(each["bundles"]) > 1
    ]


@pytest.mark.parametrize("bytes_max", [10**9, 40_000, 20_000, 10_000, 5_000, 1])
def test_each_step_leaves_what_clients_read(record: dict[str, Any], bytes_max: int) -> None:
    many = crowded(record, 5)
    copy = for_daemon(many, bytes_max)
    RecordDecisionParams.model_validate({"review": copy})
    out = io.StringIO()
    print_review(Console(file=out, width=200), copy)
    assert all(each["owner"] in out.getvalue() for each in many["bundles"])
    assert "<html" in render_report(copy)
    shortest = for_daemon(many, 1)
    assert (copy == shortest) == (len(canonical_bytes(copy)) == len(canonical_bytes(shortest)))
    if copy != shortest:
        assert against_others(copy) == against_others(many)


def test_of_many_merged_bundles_the_table_and_the_page_name_some_at_first() -> None:
    record = recorded()
    order = [f"b-{number}" for number in range(100)]
    many = {**record, "integration": {**record["integration"], "order": order}}
    out = io.StringIO()
    print_review(Console(file=out, width=500), many)
    assert "b-19 and 80 more" in out.getvalue()
    page = render_report(many)
    assert "<summary>and 40 more</summary>" in page
    assert "b-99" in page
