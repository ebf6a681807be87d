"""How a review record reads in a terminal, and in a pipe: made records, no git."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from agentd.cli.actions import tally
from agentd.cli.review_view import print_review

PROVED = "`make test` passed on the combination of all accepted bundles."
LONG = "an-agent-whose-name-is-longer-than-any-column-of-a-table-should-be"


def bundle(owner: str, *paths: str) -> dict[str, Any]:
    return {
        "bundle_id": f"b-{owner}",
        "owner": owner,
        "provider": "openai",
        "paths": list(paths) or ["src/x.py"],
        "additions": 3,
        "deletions": 1,
    }


def decided(owner: str, action: str, *messages: str) -> dict[str, Any]:
    reasons = [{"reason": "why", "message": message, "evidence": {}} for message in messages]
    return {"bundle_id": f"b-{owner}", "action": action, "reasons": reasons}


def printed(
    *decisions: dict[str, Any], width: int = 80, bundles: list[dict[str, Any]] | None = None
) -> str:
    owners = [each["bundle_id"].removeprefix("b-") for each in decisions]
    record = {
        "review_id": "12345678-9",
        "repository": "/srv/shop",
        "target": {"ref": "refs/heads/main", "commit": "a" * 40},
        "bundles": bundles or [bundle(owner) for owner in owners],
        "decisions": list(decisions),
        "findings": [],
        "verification": [
            {"command": "make test " * 8, "status": "failed", "tree": tree} for tree in "12"
        ],
        "integration": {"commit": "b" * 40, "tree": "3", "order": ["b-a" + "gent" * 30]},
    }
    out = io.StringIO()
    print_review(Console(file=out, width=width, highlight=False, markup=False), record)
    return out.getvalue()


def test_the_numbers_come_first() -> None:
    shown = printed(
        decided("one", "reject", "No."), decided("two", "merge", PROVED), decided("x", "reject")
    )
    assert shown.splitlines()[1] == "1 merge · 2 reject"


def test_what_is_said_of_several_is_said_once() -> None:
    stale = "Its base 1bdebe4d8bc1 is 2 commits behind the target."
    shown = printed(
        decided("one", "rebase", stale),
        decided("other", "rebase", "It conflicts with the bundle of two."),
        decided("two", "rebase", stale),
    )
    rows = [line for line in shown.splitlines() if line.startswith("↻")]
    assert [row.split()[2] for row in rows] == ["one", "two", "other"]
    assert shown.count(stale) == 1
    assert shown.index("↻ rebase  two") < shown.index(stale) < shown.index("↻ rebase  other")


@pytest.mark.parametrize("number", [2, 3])
def test_what_is_true_of_all_that_merge_is_said_once(number: int) -> None:
    owners = ("one", "two", "three")[:number]
    shown = printed(*(decided(each, "merge", PROVED, f"Preferred to {each}.") for each in owners))
    flat = " ".join(shown.split())
    assert flat.count(PROVED) == (1 if number == 3 else 2)
    assert (f"Of each of these 3: {PROVED}" in flat) == (number == 3)
    assert all(f"Preferred to {each}." in flat for each in owners)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_nothing_is_cut_off_and_nothing_padded(width: int) -> None:
    """A pipe is as narrow as the narrowest terminal, and what is in it is searched."""
    paths = ["src/a/very/long/path/to/a/module_of_the_project.py", "src/another/long/path/x.py"]
    shown = printed(
        decided(LONG, "merge", PROVED),
        decided("short", "wait", "Somebody holds it."),
        width=width,
        bundles=[bundle(LONG, *paths), bundle("short", "a.py")],
    )
    joined = "".join(shown.split())
    for text in (LONG, *paths, PROVED, "Somebody holds it."):
        assert "".join(text.split()) in joined
    assert [line for line in shown.splitlines() if line != line.rstrip()] == []
    assert shown.count("…") == 1, "the sign of waiting"
    assert max(map(len, shown.splitlines())) <= width


def test_runs_of_which_the_same_is_told_are_one_line() -> None:
    shown = " ".join(printed(decided("one", "merge", PROVED)).split())
    assert shown.count("make test make test") == 4, "once, in its eight words"
    assert "failed on 2 trials" in shown


def test_actions_are_counted_in_the_order_of_the_decisions() -> None:
    told = ["wait", "new", "merge", "escalate", "merge"]
    assert tally(told) == [("merge", 2), ("wait", 1), ("escalate", 1), ("new", 1)]
