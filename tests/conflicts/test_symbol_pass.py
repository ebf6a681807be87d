"""Bundles whose text merges and whose names do not, in a whole review."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace

import pytest

from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.findings import BundleId
from agentd.conflicts.interaction import Interaction, closest_first
from agentd.conflicts.replay import replay
from agentd.conflicts.review import ReviewOutcome
from agentd.conflicts.symbols.findings import Grade
from tests.conflicts.fake_daemon import FakeDaemon
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    all_reasons,
    findings_of,
    only,
)

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
STORE = "def load(path):\n    return path\n\n\ndef save(path, data):\n    return data\n"
APP = "from store import save\n\n\ndef main():\n    return save('x', 1)\n"
START = {"store.py": STORE, "app.py": APP, "README.md": "a store\n"}


def review_of(repo: Repo, changes: Mapping[str, Mapping[str, FileContent]]) -> ReviewOutcome:
    for name, files in changes.items():
        repo.branch(name, files)
    return repo.review(*(from_branch(name) for name in changes))


def test_a_removed_function_against_a_new_caller(make_repo: MakeRepo) -> None:
    """No file in common, and git merges the two."""
    repo = make_repo(START)
    renamed = STORE.replace("def load", "def read")
    outcome = review_of(
        repo,
        {
            "renamer": {"store.py": renamed},
            "caller": {"tool.py": "from store import load\n\nprint(load('x'))\n"},
            "other": {"README.md": "the store\n"},
        },
    )
    chosen = actions(outcome)
    assert chosen.pop("other") == "merge"
    assert sorted(chosen.values()) == ["merge", "rebase"]
    loser = next(owner for owner, action in chosen.items() if action == "rebase")
    reason = all_reasons(outcome)[loser][0]
    assert reason["reason"] == "symbol_conflict"
    what = "tool.py:1 of caller imports `load from store`, which renamer removed from store.py:1"
    assert what in reason["message"]
    found = findings_of(outcome, "caller")["symbol_conflict"]
    assert found["message"] == (
        f"renamer and caller merge by lines, but not by names: {what}; "
        "adapt one of the two to the other."
    )
    assert found["symbol"] == "load"
    assert found["evidence"]["level"] == "S1"
    sides = {
        found["evidence"][side]["owner"]: found["evidence"][side] for side in ("change", "meets")
    }
    assert sides["renamer"]["path"] == "store.py"
    assert (sides["caller"]["path"], sides["caller"]["line"]) == ("tool.py", 1)
    assert {edge["kind"] for edge in outcome.record["edges"]} == {"symbol"}
    again = replay(repo.path, repo.home, outcome.record["review_id"])
    assert again.differences == ()


def test_two_bundles_of_one_owner_are_told_apart(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    repo.branch("renamer", {"store.py": STORE.replace("def load", "def read")})
    repo.branch("caller", {"tool.py": "from store import load\n"})
    bundles = [replace(from_branch(name), owner="ann") for name in ("renamer", "caller")]
    outcome = repo.review(*bundles)
    (found,) = (each for each in outcome.record["findings"] if each["kind"] == "symbol_conflict")
    sides = [found["evidence"][side]["bundle"][:10] for side in ("meets", "change")]
    assert f"tool.py:1 of ann ({sides[0]}) imports" in found["message"]
    assert f"which ann ({sides[1]}) removed" in found["message"]


def test_the_holder_of_a_lock_is_waited_for(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    daemon = FakeDaemon()
    repo.branch("renamer", {"store.py": STORE.replace("def load", "def read")})
    bundle = {"base_revision": f"git:{repo.head()}", "head_revision": "git:renamer"}
    daemon.lock("file:store.py", "renamer", bundle, namespace=str(repo.path))
    repo.branch("caller", {"tool.py": "from store import load\n"})
    outcome = repo.review(from_branch("caller"), daemon=daemon)
    assert actions(outcome) == {"renamer": "merge", "caller": "wait"}


@pytest.mark.parametrize(
    ("level", "one", "two"),
    [
        (
            "S4",
            {"store.py": STORE.replace("def save(path, data)", "def save(path, data, mode)")},
            {"tool.py": "import store\n\nstore.save('x', 1)\n"},
        ),
        (
            "S5",
            {"store.py": "def check():\n    return 1\n\n\n" + STORE},
            {"store.py": STORE + "\n\ndef check():\n    return 2\n"},
        ),
    ],
)
def test_other_strong_signs(
    level: str,
    one: Mapping[str, FileContent],
    two: Mapping[str, FileContent],
    make_repo: MakeRepo,
) -> None:
    outcome = review_of(make_repo(START), {"one": one, "two": two})
    assert sorted(actions(outcome).values()) == ["merge", "rebase"]
    assert findings_of(outcome, "one")["symbol_conflict"]["evidence"]["level"] == level


def test_a_call_that_both_know_about_is_fine(make_repo: MakeRepo) -> None:
    outcome = review_of(
        make_repo(START),
        {
            "one": {"store.py": STORE + "\n\ndef drop(path):\n    return path\n"},
            "two": {"tool.py": "from store import load, save\n\nsave('x', load('y'))\n"},
        },
    )
    assert set(actions(outcome).values()) == {"merge"}
    assert not {"symbol_conflict", "symbol_doubt"} & set(findings_of(outcome, "one"))


def test_who_interacts_is_recorded_and_blocks_nothing(make_repo: MakeRepo) -> None:
    body = "def total(items):\n    result = 0\n" + "    # space\n" * 9 + "    return result\n"
    repo = make_repo({**START, "sum.py": body})
    outcome = review_of(
        repo,
        {
            "one": {"sum.py": body.replace("result = 0", "result = 0.0")},
            "two": {"sum.py": body.replace("return result", "return round(result)")},
            "three": {"README.md": "other\n"},
        },
    )
    assert set(actions(outcome).values()) == {"merge"}
    owners = {each["bundle_id"]: each["owner"] for each in outcome.record["bundles"]}
    met = only(outcome.record["interactions"])
    assert {owners[met["left"]], owners[met["right"]]} == {"one", "two"}
    assert met["grade"] == "same_function"


def test_twins_are_no_duplicates_of_each_other(make_repo: MakeRepo) -> None:
    new = {"store.py": STORE + "\n\ndef drop(path):\n    return path\n"}
    outcome = review_of(make_repo(START), {"one": new, "two": new})
    assert set(actions(outcome).values()) == {"merge"}


def test_code_that_nobody_reads_is_said(make_repo: MakeRepo) -> None:
    outcome = review_of(
        make_repo(START), {"one": {"a.rb": "def f\nend\n"}, "two": {"README.md": "other\n"}}
    )
    assert set(actions(outcome).values()) == {"merge"}
    assert findings_of(outcome, "one")["not_analysed"]["path"] == "a.rb"
    assert "not_analysed" not in findings_of(outcome, "two")


def test_what_was_read_is_kept_by_blob(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    review_of(
        repo, {"one": {"store.py": STORE + "\n\nX = 1\n"}, "two": {"app.py": APP + "Y = 1\n"}}
    )
    (kept,) = repo.home.rglob("agentd-symbols.sqlite3")

    def summaries() -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(kept)) as connection:
            return connection.execute("SELECT rowid, blob FROM summaries").fetchall()

    first = summaries()
    assert len(first) == 4
    repo.review(from_branch("one"), from_branch("two"))
    assert summaries() == first


def test_the_closest_come_first() -> None:
    ids = [BundleId(f"b-{number}") for number in range(6)]
    met = [
        Interaction(ids[1], ids[4], Grade.NEIGHBOURS, ()),
        Interaction(ids[3], ids[5], Grade.SAME_FUNCTION, ()),
        Interaction(ids[5], BundleId("b-gone"), Grade.SAME_FUNCTION, ()),
    ]
    assert closest_first(ids, met) == (ids[3], ids[5], ids[1], ids[4], ids[0], ids[2])
    assert closest_first(ids, []) == tuple(ids)
