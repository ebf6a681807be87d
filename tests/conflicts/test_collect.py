"""Which bundles are found in locks, in the journal and in files, and which say the same again."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from agentd.conflicts.bundles.bundle import Bundle, ClaimStatus, HeadRevision, PatchText, SourceKind
from agentd.conflicts.bundles.collect import collect, from_bundle_file, from_patch_file
from agentd.conflicts.findings import FindingKind
from tests.conflicts.fake_daemon import FakeDaemon

BUNDLE = {"intent": "edit", "touched_paths": ["a.txt"], "patch": "some patch"}


def owners(bundles: tuple[Bundle, ...]) -> list[str]:
    return sorted(bundle.owner for bundle in bundles)


def test_several_locks_with_equal_metadata_are_one_bundle() -> None:
    daemon = FakeDaemon()
    for key in ("file:a.txt", "file:b.txt"):
        daemon.lock(key, "codex", BUNDLE)
    (bundle,) = collect(daemon, "").bundles
    assert [source.detail for source in bundle.sources] == ["file:a.txt", "file:b.txt"]
    assert bundle.provider == "openai"


def test_a_past_lock_outlives_its_lock() -> None:
    daemon = FakeDaemon()
    daemon.release(daemon.lock("file:a.txt", "codex", BUNDLE))
    collected = collect(daemon, "")
    (bundle,) = collected.bundles
    assert bundle.sources[0].kind is SourceKind.PAST_LOCK
    assert bundle.change == PatchText(b"some patch")
    assert [lock.live for lock in collected.holdings.locks] == [False]


def test_newer_metadata_of_the_same_work_supersedes_that_of_a_past_lock() -> None:
    daemon = FakeDaemon()
    daemon.release(daemon.lock("file:a.txt", "codex", {**BUNDLE, "patch": "first try"}))
    daemon.lock("file:a.txt", "codex", {**BUNDLE, "patch": "second try"})
    (bundle,) = collect(daemon, "").bundles
    assert bundle.change == PatchText(b"second try")


def test_a_result_supersedes_the_intent_of_the_lock() -> None:
    daemon = FakeDaemon()
    daemon.lock("file:a.txt", "codex", {"intent": "edit", "touched_paths": ["a.txt"]})
    daemon.commit("intent", "codex", {"intent": "edit", "touched_paths": ["a.txt"]})
    daemon.commit("result", "codex", {"patch_bundle": BUNDLE, "note": "done"})
    collected = collect(daemon, "")
    (bundle,) = collected.bundles
    assert bundle.change == PatchText(b"some patch")
    assert (bundle.task_id, bundle.node_id) == ("task-1", "node-1")
    assert bundle.extra == {"note": "done"}
    assert collected.holdings.live("codex", ["a.txt"]) is not None


def test_the_newest_fact_of_an_owner_on_a_node_wins_and_a_result_over_an_intent() -> None:
    daemon = FakeDaemon()
    daemon.commit("result", "codex", {**BUNDLE, "patch": "old"})
    daemon.commit("result", "codex", {**BUNDLE, "patch": "new"})
    daemon.commit("intent", "codex", {**BUNDLE, "patch": "later, but only meant"})
    daemon.commit("result", "gemini", BUNDLE)
    daemon.commit("result", "codex", {**BUNDLE, "intent": "other"}, node="node-2")
    bundles = collect(daemon, "").bundles
    assert owners(bundles) == ["codex", "codex", "gemini"]
    assert PatchText(b"new") in [bundle.change for bundle in bundles]
    assert PatchText(b"later, but only meant") not in [bundle.change for bundle in bundles]


@pytest.mark.parametrize("kind", ["progress", "conflict", "result"])
def test_a_later_note_without_a_change_takes_no_change_back(kind: str) -> None:
    daemon = FakeDaemon()
    daemon.commit("progress", "codex", {**BUNDLE, "base_revision": "git:abc"})
    daemon.commit(kind, "codex", {"diff_summary": "polished", "verification": "make test: failed"})
    (bundle,) = collect(daemon, "").bundles
    assert (bundle.change, bundle.base_revision) == (PatchText(b"some patch"), "abc")
    assert bundle.diff_summary == "polished"
    assert [claim.status for claim in bundle.claims] == [ClaimStatus.FAILED]


def test_a_new_change_stands_by_itself() -> None:
    daemon = FakeDaemon()
    daemon.commit("progress", "codex", {**BUNDLE, "base_revision": "git:abc"})
    daemon.commit("progress", "codex", {"head_revision": "codex/work"})
    (bundle,) = collect(daemon, "").bundles
    assert (bundle.change, bundle.base_revision) == (HeadRevision("codex/work"), None)


def test_a_bundle_may_be_nested_in_the_metadata_of_a_lock() -> None:
    daemon = FakeDaemon()
    daemon.lock("file:a.txt", "codex", {"patch_bundle": BUNDLE, "note": "mine"})
    (bundle,) = collect(daemon, "").bundles
    assert (bundle.change, bundle.extra) == (PatchText(b"some patch"), {"note": "mine"})


def test_a_nested_bundle_that_is_none_is_said_to_be_wrong() -> None:
    daemon = FakeDaemon()
    daemon.lock("file:a.txt", "codex", {"patch_bundle": "see the branch"})
    (bundle,) = collect(daemon, "").bundles
    assert [found.kind for found in bundle.findings] == [FindingKind.BAD_FIELD]
    assert "`patch_bundle` must be an object" in bundle.findings[0].message


def test_two_owners_and_two_pieces_of_work_stay_apart() -> None:
    daemon = FakeDaemon()
    daemon.lock("file:a.txt", "codex", BUNDLE)
    daemon.lock("file:b.txt", "gemini", BUNDLE)
    daemon.lock("file:c.txt", "codex", {"intent": "else", "patch": "p", "touched_paths": ["c.txt"]})
    assert owners(collect(daemon, "").bundles) == ["codex", "codex", "gemini"]


def test_plain_locks_are_no_bundles_but_are_held() -> None:
    daemon = FakeDaemon()
    daemon.lock("file:a.txt", "codex", {})
    daemon.lock("tool:cargo-fmt", "codex", {"pid": 7})
    collected = collect(daemon, "")
    assert collected.bundles == ()
    assert len(collected.holdings.locks) == 2


def test_other_namespaces_are_other_repositories() -> None:
    daemon = FakeDaemon()
    daemon.lock("file:a.txt", "codex", BUNDLE, namespace="/other")
    daemon.release(daemon.lock("file:b.txt", "gemini", BUNDLE, namespace="/other"))
    daemon.lock("file:c.txt", "deepseek", BUNDLE, namespace="/ours")
    assert owners(collect(daemon, "/ours").bundles) == ["deepseek"]


def test_facts_of_one_task_only() -> None:
    daemon = FakeDaemon()
    daemon.commit("result", "codex", BUNDLE)
    assert collect(daemon, "", task_id="another").bundles == ()
    assert owners(collect(daemon, "", task_id="task-1").bundles) == ["codex"]


@pytest.mark.parametrize("page_rows_max", [1_000, 7])
def test_the_journal_is_read_page_by_page(page_rows_max: int) -> None:
    daemon = FakeDaemon(page_rows_max=page_rows_max)
    for number in range(2_500):
        daemon.commit("progress", "codex", {"note": number})
    daemon.commit("result", "late", BUNDLE)
    assert owners(collect(daemon, "").bundles) == ["late"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"{not json", "no JSON"),
        (b"[1, 2]", "holds no JSON object"),
    ],
)
def test_unreadable_bundle_files_are_findings(
    content: bytes | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "bundle.json"
    if content is not None:
        path.write_bytes(content)
    bundle = from_bundle_file(path)
    assert bundle.owner == "bundle"
    assert [found.kind for found in bundle.findings] == [FindingKind.CHANGE_UNREADABLE]
    assert says in bundle.findings[0].message


def test_a_bundle_file_may_name_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    path.write_bytes(orjson.dumps({"owner": "codex", "patch_bundle": BUNDLE}))
    bundle = from_bundle_file(path)
    assert (bundle.owner, bundle.intent, bundle.findings) == ("codex", "edit", ())


def test_a_patch_file_is_owned_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "fix.diff"
    path.write_bytes(b"--- a\n")
    assert from_patch_file(path).owner == "fix.diff"
    (found,) = from_patch_file(tmp_path / "gone.diff").findings
    assert found.kind is FindingKind.CHANGE_UNREADABLE
