"""Whole reviews of hostile worlds: every bundle is decided on once, and nothing else happens."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.replay import replay
from agentd.conflicts.review import ReviewOutcome
from tests.conflicts.hostile_worlds import HostileWorld, damaged_patch, hostile_world
from tests.conflicts.random_worlds import Files, ObjectStore
from tests.conflicts.repo_builder import Repo, actions, patch_bundle
from tests.conflicts.test_random_reviews import POLICY, check_lines

SEEDS = 6
SEEDS_SLOW = 400


def bundles_of(repo: Repo, hostile: HostileWorld) -> list[Bundle]:
    """The bundles of a world, which is written into a repository, as agents hand them in."""
    world = hostile.world
    store = ObjectStore(repo.path / ".git")
    commits: list[str] = []
    for number, files in enumerate(world.history):
        parents = commits[-1:]
        if number > 1:
            parents.append(commits[-2])  # A merge of what was there already.
        commits.append(store.commit(store.tree(files), parents, 1_000 + number))
    repo.git("update-ref", "refs/heads/tip", commits[-1])
    made: list[Bundle] = []
    for number, each in enumerate(world.proposals):
        base = commits[each.base]
        parents = [base]
        if number in hostile.crossed:
            parents += [commit for commit in (commits[0], commits[-1]) if commit != base]
        head = store.commit(store.tree(each.files), parents, 2_000 + number)
        if number not in hostile.as_patches:
            repo.git("update-ref", f"refs/heads/bundle{number}", head)
            made.append(from_branch(f"bundle{number}"))
            continue
        patch = repo.diff(base, head)
        if number in hostile.damaged:
            patch = damaged_patch(patch, hostile.damaged[number])
        made.append(patch_bundle(f"bundle{number}", patch, base, **hostile.claims[number]))
    return made


def reviewed(repo: Repo, bundles: list[Bundle]) -> ReviewOutcome:
    before = repo.fingerprint()
    outcome = repo.review(*bundles, target="tip", policy_text=POLICY, allow_stale_clean=True)
    assert repo.fingerprint() == before, "the user's repository was touched"
    return outcome


def files_of(repo: Repo, tree: str) -> Files:
    """The files of a tree of the quarantine."""
    quarantine = next((repo.home / "quarantine").iterdir())
    files: Files = {}
    for record in repo.raw_git("ls-tree", "-r", "-z", tree, at=quarantine).split(b"\0")[:-1]:
        meta, path = record.split(b"\t", 1)
        mode, kind, blob = meta.decode().split(" ")
        content = blob.encode()
        if kind == "blob":
            content = repo.raw_git("cat-file", "blob", blob, at=quarantine)
        files[path.decode("utf-8", "surrogateescape")] = (mode, content)
    return files


def check(directory: Path, seed: int) -> int:
    hostile = hostile_world(seed)
    repo = Repo.create(directory / f"repo-{seed}", directory / f"home-{seed}", {"start": "start\n"})
    bundles = bundles_of(repo, hostile)
    outcome = reviewed(repo, bundles)
    record = outcome.record
    decided = [each["bundle_id"] for each in record["decisions"]]
    assert sorted(decided) == sorted(each["bundle_id"] for each in record["bundles"])
    assert len(set(decided)) == len(decided)
    owners = {bundle.owner for bundle in bundles}
    found = actions(outcome)
    assert found.keys() == owners, "somebody's bundle got no decision"
    merged = [int(owner.removeprefix("bundle")) for owner, did in found.items() if did == "merge"]
    integration = record["integration"]
    if merged:
        assert record["ledger"]["balanced"]
        if not hostile.crossed.union(hostile.damaged).intersection(merged):
            check_lines(hostile.world, files_of(repo, integration["tree"]), merged)
    replayed = replay(repo.path, repo.home, record["review_id"])
    assert replayed.same_decisions
    assert replayed.differences == ()
    Random(seed).shuffle(bundles)
    again = reviewed(repo, bundles)
    assert actions(again) == found, "the order counts"
    assert again.record["integration"] == integration, "the order counts"
    return len(merged)


def check_seeds(directory: Path, seeds: range) -> None:
    merged = 0
    for seed in seeds:
        try:
            merged += check(directory, seed)
        except Exception as failure:
            failure.add_note(f"seed {seed}")
            raise
    assert merged > len(seeds) // 4, "most of this was no review of anything"


def test_hostile_bundles_are_decided_on_and_touch_nothing(tmp_path: Path) -> None:
    check_seeds(tmp_path, range(SEEDS))


@pytest.mark.slow
def test_hundreds_of_hostile_reviews(tmp_path: Path) -> None:
    check_seeds(tmp_path, range(SEEDS, SEEDS_SLOW))
