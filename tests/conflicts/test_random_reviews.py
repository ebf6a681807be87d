"""Whole reviews of random bundles, held against an oracle that counts lines without any diff.

Every line of a random world is named after who wrote it, so the oracle needs no idea of merging.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from agentd.conflicts.bundles.collect import from_branch
from tests.conflicts.random_worlds import TEXT, Files, ObjectStore, World, random_world
from tests.conflicts.repo_builder import Repo, actions

POLICY = "[paths]\nallow_symlinks = true\nallow_submodules = true\n"
SEEDS = 12
SEEDS_SLOW = 400


def reviewed(repo: Repo, world: World, order: list[int]) -> tuple[Files | None, list[int]]:
    """The files of what was landed, and which proposals are in it."""
    store = ObjectStore(repo.path / ".git")
    commits: list[str] = []
    for number, files in enumerate(world.history):
        commits.append(store.commit(store.tree(files), commits[-1:], 1_000 + number))
    repo.git("update-ref", "refs/heads/tip", commits[-1])
    for number, each in enumerate(world.proposals):
        made = store.commit(store.tree(each.files), [commits[each.base]], 2_000 + number)
        repo.git("update-ref", f"refs/heads/work-{number}", made)
    outcome = repo.review(
        *(from_branch(f"work-{number}") for number in order),
        target="tip",
        policy_text=POLICY,
        allow_stale_clean=True,
        apply=True,
    )
    merged = [
        int(owner.removeprefix("work-"))
        for owner, action in actions(outcome).items()
        if action == "merge"
    ]
    if outcome.landed is None:
        assert not merged
        return None, []
    files = read_files(repo, outcome.landed.ref)
    repo.git("update-ref", "-d", outcome.landed.ref)
    return files, sorted(merged)


def read_files(repo: Repo, revision: str) -> Files:
    files: Files = {}
    for record in repo.raw_git("ls-tree", "-r", "-z", revision).split(b"\0")[:-1]:
        meta, path = record.split(b"\t", 1)
        mode, kind, blob = meta.decode().split(" ")
        content = repo.raw_git("cat-file", "blob", blob) if kind == "blob" else blob.encode()
        files[path.decode()] = (mode, content)
    return files


def lines(files: Files) -> Counter[bytes]:
    """How often each line that says who wrote it stands anywhere."""
    found = Counter(
        line.rstrip(b"\r")
        for mode, content in files.values()
        if mode in TEXT and b"\0" not in content
        for line in content.split(b"\n")
    )
    return Counter({line: count for line, count in found.items() if b" wrote " in line})


def check_lines(world: World, result: Files, merged: list[int]) -> None:
    there, target = lines(result), lines(world.history[-1])
    changes = []
    for number in merged:
        each = world.proposals[number]
        change = lines(each.files)
        change.subtract(lines(world.history[each.base]))
        changes.append(change)
    for line in {*there, *target, *(line for change in changes for line in change)}:
        deltas = [change[line] for change in changes if change[line]]
        if not deltas:
            assert there[line] == target[line], line
        elif min(deltas) > 0:
            assert there[line] >= max(target[line], 1), line
        elif max(deltas) < 0:
            assert there[line] <= max(target[line] + min(deltas), 0), line


def check_files(world: World, result: Files, merged: list[int]) -> None:
    target = world.history[-1]
    proposals = [world.proposals[number] for number in merged]
    bases = [world.history[each.base] for each in proposals]
    for path in target:
        if any(base.get(path) != target[path] for base in bases):
            continue  # What one edits elsewhere may have followed the target to here.
        touching = [
            each.files.get(path)
            for each, base in zip(proposals, bases, strict=True)
            if each.files.get(path) != base.get(path)
        ]
        if not touching:
            assert result.get(path) == target[path], path
        elif len(touching) == 1 and touching[0] is not None:
            assert result.get(path) == touching[0], path


def check_review(directory: Path, seed: int) -> int:
    world = random_world(seed, crowded=bool(seed % 2))
    if not world.proposals:
        return 0
    repo = Repo.create(directory / f"repo-{seed}", directory / "home", {"start": "start\n"})
    order = list(range(len(world.proposals)))
    result, merged = reviewed(repo, world, order)
    if result is not None:
        try:
            check_lines(world, result, merged)
            check_files(world, result, merged)
        except AssertionError as failure:
            raise AssertionError(f"seed {seed}, merged {merged}: {failure}") from failure
    Random(seed).shuffle(order)
    assert reviewed(repo, world, order) == (result, merged), f"seed {seed}: the order counts"
    return len(merged)


def test_no_line_is_lost(tmp_path: Path) -> None:
    assert sum(check_review(tmp_path, seed) for seed in range(SEEDS)) > SEEDS


@pytest.mark.slow
def test_no_line_is_lost_in_hundreds_of_reviews(tmp_path: Path) -> None:
    assert sum(check_review(tmp_path, seed) for seed in range(SEEDS_SLOW)) > SEEDS_SLOW
