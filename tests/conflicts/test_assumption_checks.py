"""What agents assumed: at the target, against one another, and at the integration."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.replay import replay
from tests.conflicts.fake_daemon import FakeDaemon
from tests.conflicts.repo_builder import (
    FileContent,
    Repo,
    actions,
    all_reasons,
    findings_of,
    first_reasons,
    numbered,
    only,
    patch_bundle,
)

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]
LIBRARY = "def load(path):\n    return path\n\n\ndef save(path, data):\n    return data\n"
START = {"a.txt": numbered(20), "lib.py": LIBRARY, "docs/guide.md": "guide\n"}


def assuming(repo: Repo, owner: str, files: Mapping[str, FileContent], *texts: str) -> Bundle:
    """A bundle in step with the target that assumes something."""
    return patch_bundle(owner, repo.patch_of(files), f"git:{repo.head()}", assumptions=list(texts))


def test_what_is_true_is_recorded_and_changes_nothing(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    digest = hashlib.sha256(LIBRARY.encode()).hexdigest()
    texts = [
        "Nobody relies on floats",
        "path_exists:docs",
        "path_absent:gone.py",
        "symbol_exists:lib.py::load",
        "signature:lib.py::save(path, data)",
        f"file_sha256:lib.py={digest}",
    ]
    outcome = repo.review(assuming(repo, "one", {"b.txt": "b\n"}, *texts))
    assert actions(outcome) == {"one": "merge"}
    checks = only(outcome.record["bundles"])["assumption_checks"]
    assert [check["truth"] for check in checks] == [None, *["holds"] * 5]
    assert not findings_of(outcome, "one")


def test_what_never_was_is_rejected_with_what_was_seen(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    outcome = repo.review(
        assuming(repo, "one", {"b.txt": "b\n"}, "signature:lib.py::save(path)"),
        assuming(repo, "two", {"c.txt": "c\n"}, "path_exists:tools/run.sh"),
    )
    assert actions(outcome) == {"one": "reject", "two": "reject"}
    assert set(first_reasons(outcome).values()) == {"assumption_false"}
    assert "also needs `data`" in all_reasons(outcome)["one"][0]["message"]


def test_what_the_target_took_away_since_is_a_rebase(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    base = repo.head()
    patch = repo.patch_of({"b.txt": "b\n"})
    repo.commit("drop it", {"lib.py": LIBRARY.partition("\n\n\n")[0] + "\n"})
    bundle = patch_bundle("one", patch, f"git:{base}", assumptions=["symbol_exists:lib.py::save"])
    outcome = repo.review(bundle, allow_stale_clean=True)
    assert actions(outcome) == {"one": "rebase"}
    assert first_reasons(outcome) == {"one": "assumption_outdated"}


def test_a_bundle_may_bring_what_it_assumes(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    new = {"new.py": "def fresh(): ...\n"}
    outcome = repo.review(
        assuming(repo, "brings", new, "symbol_exists:new.py::fresh", "path_absent:other.py"),
        assuming(repo, "other", {"c.txt": "c\n"}, "path_absent:c.txt"),
    )
    assert actions(outcome) == {"brings": "merge", "other": "merge"}


def test_two_whose_lines_merge_but_not_their_assumptions(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    renamed = LIBRARY.replace("def load", "def read")
    outcome = repo.review(
        assuming(repo, "caller", {"app.py": "import lib\n"}, "symbol_exists:lib.py::load"),
        assuming(repo, "renamer", {"lib.py": renamed}),
        assuming(repo, "third", {"c.txt": "c\n"}, "symbol_exists:lib.py::save"),
    )
    chosen = actions(outcome)
    assert chosen.pop("third") == "merge"
    assert sorted(chosen.values()) == ["escalate", "merge"]
    loser = next(owner for owner, action in chosen.items() if action == "escalate")
    winner = "renamer" if loser == "caller" else "caller"
    reason = all_reasons(outcome)[loser][0]
    assert reason["reason"] == "assumption_broken"
    assert winner in reason["message"]
    assert reason["evidence"]["assumption"] == "symbol_exists:lib.py::load"
    found = findings_of(outcome, "caller")["assumption_broken"]
    assert len(found["bundles"]) == 2
    assert (found["path"], found["symbol"]) == ("lib.py", "load")
    assert {edge["kind"] for edge in outcome.record["edges"]} == {"assumption"}


def test_it_waits_for_the_holder_of_a_lock(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    daemon = FakeDaemon()
    patch = repo.patch_of({"docs/guide.md": None}).decode()
    bundle = {"base_revision": f"git:{repo.head()}", "patch": patch}
    daemon.lock("file:docs/guide.md", "deleter", bundle, namespace=str(repo.path))
    reader = assuming(repo, "reader", {"b.txt": "b\n"}, "path_exists:docs")
    outcome = repo.review(reader, daemon=daemon)
    assert actions(outcome) == {"reader": "wait", "deleter": "merge"}
    assert "deleter holds file:docs/guide.md" in all_reasons(outcome)["reader"][0]["message"]


def test_a_name_that_two_thought_free(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    free = "path_absent:plugins"
    outcome = repo.review(
        assuming(repo, "one", {"plugins/one.py": "1\n"}, free),
        assuming(repo, "two", {"plugins/two.py": "2\n"}),
    )
    assert sorted(actions(outcome).values()) == ["escalate", "merge"]


def test_identical_changes_break_nothing_of_one_another(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    outcome = repo.review(
        assuming(repo, "one", {"new.py": "1\n", "x": "1"}, "path_absent:new.py"),
        assuming(repo, "two", {"new.py": "1\n"}, "path_absent:new.py"),
    )
    assert actions(outcome) == {"one": "merge", "two": "merge"}


def test_what_nobody_can_tell_is_said_and_blocks_nothing(make_repo: MakeRepo) -> None:
    repo = make_repo({**START, "broken.py": "def f(:\n"})
    outcome = repo.review(
        assuming(
            repo,
            "one",
            {"b.txt": "b\n"},
            "symbol_exists:broken.py::f",
            "command:make lint exits 0",
            "symbol_exists:lib.py",
        )
    )
    assert actions(outcome) == {"one": "merge"}
    kinds = findings_of(outcome, "one")
    assert set(kinds) == {"assumption_unchecked", "assumption_unreadable"}
    truths = [each["truth"] for each in only(outcome.record["bundles"])["assumption_checks"]]
    assert truths == ["unknown", "unknown", None]


ALLOWED = '[verification]\nallow_bundle_commands = ["grep *", "! grep *"]\n'


def test_a_command_runs_only_where_the_policy_allows_it(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    bundles = [
        assuming(repo, "right", {"b.txt": "b\n"}, "command:grep -q load lib.py exits 0"),
        assuming(repo, "wrong", {"c.txt": "c\n"}, "command:grep -q nothing lib.py exits 0"),
        assuming(repo, "exact", {"d.txt": "d\n"}, "command:grep -q nothing lib.py exits 1"),
    ]
    refused = repo.review(*bundles)
    assert set(actions(refused).values()) == {"merge"}
    assert not refused.record["inputs"]["command_runs"]
    outcome = repo.review(*bundles, policy_text=ALLOWED)
    assert actions(outcome) == {"right": "merge", "wrong": "reject", "exact": "merge"}


def test_a_command_that_fails_only_in_the_combination(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    outcome = repo.review(
        assuming(repo, "keeper", {"b.txt": "b\n"}, "command:grep -q guide docs/guide.md exits 0"),
        assuming(repo, "editor", {"docs/guide.md": "other words\n"}),
        assuming(repo, "bystander", {"c.txt": "c\n"}),
        policy_text=ALLOWED,
    )
    chosen = actions(outcome)
    assert chosen.pop("bystander") == "merge"
    assert sorted(chosen.values()) == ["escalate", "merge"]
    loser = next(owner for owner, action in chosen.items() if action == "escalate")
    partner = "editor" if loser == "keeper" else "keeper"
    assert partner in all_reasons(outcome)[loser][0]["message"]
    again = replay(repo.path, repo.home, outcome.record["review_id"])
    assert again.same_decisions
    assert again.differences == ()


def test_a_submodule_is_there(make_repo: MakeRepo) -> None:
    repo = make_repo(START)
    patch = repo.patch_of({"b.txt": "b\n"})
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{repo.head()},vendor/sub")
    repo.tick()
    repo.git("commit", "--quiet", "-m", "submodule")
    texts = ["path_exists:vendor/sub", "path_absent:vendor"]
    outcome = repo.review(patch_bundle("one", patch, f"git:{repo.head()}", assumptions=texts))
    checks = only(outcome.record["bundles"])["assumption_checks"]
    assert [each["truth"] for each in checks] == ["holds", "false"]
