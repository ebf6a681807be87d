"""Random bundles on random repositories: what merges clean balances, and no sabotage gets through.

A failure names its seed; the world of a seed is always the same.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

import pytest

from agentd.conflicts.bundles.admission import Candidate
from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.bundles.submission import Submission
from agentd.conflicts.findings import BundleId
from agentd.conflicts.freshness import Placed, place
from agentd.conflicts.git.names import CommitId, TreeId
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.ledger.accounting import check_ledger
from agentd.conflicts.merges.composition import Composer
from agentd.conflicts.merges.merging import Merger
from tests.conflicts.random_worlds import (
    LINK,
    MODULE,
    TEXT,
    Files,
    ObjectStore,
    World,
    random_world,
)

SEEDS = 40
SEEDS_SLOW = 3_000


class Workshop:
    """A quarantine with a store that writes into it."""

    def __init__(self, directory: Path) -> None:
        subprocess.run(["git", "init", "--quiet", str(directory / "repo")], check=True)
        git = GitProcess()
        repository = Repository(directory / "repo", git)
        self.quarantine = Quarantine(directory / "home", repository, git)
        self.store = ObjectStore(self.quarantine.git_dir)
        self.merger = Merger(self.quarantine)

    def merged(self, world: World) -> tuple[TreeId, TreeId, list[Placed]]:
        """The tip, the tip with all bundles that go together, and those bundles."""
        commits: list[str] = []
        for number, files in enumerate(world.history):
            commits.append(self.store.commit(self.store.tree(files), commits[-1:], number))
        tip = CommitId(commits[-1])
        candidates = self._candidates(world, commits)
        placed = place(candidates, self.quarantine, tip, self.merger, allow_stale_clean=True)
        chosen: list[Placed] = []
        for each in placed:
            if each.mergeable and all(self._go_together(world, each, one) for one in chosen):
                chosen.append(each)
        composer = Composer(self.quarantine, tip, self.merger)
        while (made := composer.compose(chosen)).clash is not None:
            clash = made.clash.bundle_id
            chosen = [each for each in chosen if each.candidate.bundle_id != clash]
        return self.quarantine.tree_of(tip), made.tree, chosen

    def _candidates(self, world: World, commits: Sequence[str]) -> list[Candidate]:
        pairs = [
            (self.store.tree(world.history[each.base]), self.store.tree(each.files))
            for each in world.proposals
        ]
        changed = self.quarantine.changes(pairs, renames=True)
        return [
            Candidate(
                BundleId(f"b-{number}"),
                Submission(Bundle(f"b-{number}", "test", ()), base=CommitId(commits[each.base])),
                TreeId(base),
                TreeId(tree),
                changes,
                (),
            )
            for number, (each, (base, tree), changes) in enumerate(
                zip(world.proposals, pairs, changed, strict=True)
            )
        ]

    def _go_together(self, world: World, one: Placed, other: Placed) -> bool:
        tip = TreeId(self.store.tree(world.history[-1]))
        trees = TreeId(str(one.tree)), TreeId(str(other.tree))
        return trees[0] == trees[1] or self.merger.merge(tip, *trees).clean

    def files(self, tree: TreeId | None) -> Files:
        """The files of a tree."""
        entries = self.quarantine.entries(str(tree))
        blobs = [blob for mode, blob in entries.values() if mode != MODULE]
        contents = self.quarantine.read_blobs(blobs)
        return {
            path: (mode, blob.encode() if mode == MODULE else contents[blob])
            for path, (mode, blob) in entries.items()
        }


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


def check_no_false_alarm(workshop: Workshop, seed: int) -> None:
    world = random_world(seed, crowded=bool(seed % 2), copies=False)
    tip, result, chosen = workshop.merged(world)
    found = check_ledger(
        workshop.quarantine, tip, result, chosen, text_bytes_max=2**20
    ).discrepancies
    assert not found, f"seed {seed}: {found}"


def check_sabotage(workshop: Workshop, seed: int) -> int:
    """Tries each kind of sabotage that the world allows; how many there were."""
    chance = Random(seed)
    world = random_world(seed, crowded=bool(seed % 2))
    tip, result, chosen = workshop.merged(world)
    if (
        not chosen
        or check_ledger(
            workshop.quarantine, tip, result, chosen, text_bytes_max=2**20
        ).discrepancies
    ):
        return 0
    honest, target = workshop.files(result), workshop.files(tip)
    sides = [workshop.files(each.candidate.tree) for each in chosen]
    touched = {path for each in chosen for path in each.candidate.paths}
    tried = 0
    for name, sabotage in SABOTAGE.items():
        spoilt = sabotage(Scene(chance, honest, target, sides, touched))
        if spoilt is None or spoilt == honest or not _possible(spoilt):
            continue
        tried += 1
        tree = TreeId(workshop.store.tree(spoilt))
        found = check_ledger(
            workshop.quarantine, tip, tree, chosen, text_bytes_max=2**20
        ).discrepancies
        differing = [p for p in {*spoilt, *honest} if spoilt.get(p) != honest.get(p)]
        assert found, f"seed {seed}: nobody noticed: {name} in {differing}"
    return tried


class Scene:
    """A merged result that is about to be spoilt."""

    def __init__(
        self,
        chance: Random,
        honest: Files,
        target: Files,
        sides: Sequence[Files],
        touched: set[str],
    ) -> None:
        self.chance = chance
        self.honest = honest
        self.target = target
        self.sides = sides
        self.touched = touched

    def some(self, wanted: Callable[[str], bool]) -> str | None:
        found = sorted(filter(wanted, self.honest))
        return self.chance.choice(found) if found else None

    def with_file(self, path: str, mode: str, content: bytes) -> Files:
        return {**self.honest, path: (mode, content)}

    def text(self) -> str | None:
        """A text file, one that somebody touches if there is any."""

        def is_text(path: str) -> bool:
            mode, content = self.honest[path]
            return mode in TEXT and bool(content) and b"\0" not in content

        return self.some(lambda path: path in self.touched and is_text(path)) or self.some(is_text)

    def with_lines(self, change: Callable[[list[bytes]], None]) -> Files | None:
        path = self.text()
        if path is None:
            return None
        mode, content = self.honest[path]
        lines = content.split(b"\n")
        change(lines)
        return self.with_file(path, mode, b"\n".join(lines))

    def place(self, lines: Sequence[bytes]) -> int:
        return self.chance.randrange(len(lines))


Sabotage = Callable[[Scene], Files | None]


def drop_a_line(scene: Scene) -> Files | None:
    return scene.with_lines(lambda lines: lines.__delitem__(scene.place(lines)))


def say_a_line_twice(scene: Scene) -> Files | None:
    return scene.with_lines(lambda lines: lines.insert(scene.place(lines), lines[0]))


def change_a_line(scene: Scene) -> Files | None:
    def change(lines: list[bytes]) -> None:
        lines[scene.place(lines)] += b"!"

    return scene.with_lines(change)


def exchange_two_lines(scene: Scene) -> Files | None:
    def change(lines: list[bytes]) -> None:
        one, other = scene.place(lines), scene.place(lines)
        lines[one], lines[other] = lines[other], lines[one]

    return scene.with_lines(change)


def move_a_block(scene: Scene) -> Files | None:
    def change(lines: list[bytes]) -> None:
        start = scene.place(lines)
        block = lines[start : start + 3]
        del lines[start : start + 3]
        to = scene.chance.randrange(len(lines) + 1)
        lines[to:to] = block

    return scene.with_lines(change)


def say_a_block_twice(scene: Scene) -> Files | None:
    def change(lines: list[bytes]) -> None:
        start, to = scene.place(lines), scene.place(lines)
        lines[to:to] = lines[start : start + 3]

    return scene.with_lines(change)


def take_one_side_whole(scene: Scene) -> Files | None:
    side = scene.chance.choice(scene.sides)
    path = scene.some(lambda path: path in side and side[path] != scene.honest[path])
    return None if path is None else {**scene.honest, path: side[path]}


def take_the_targets(scene: Scene) -> Files | None:
    path = scene.some(lambda path: scene.target.get(path) != scene.honest[path])
    if path is None:
        return None
    rest = {name: file for name, file in scene.honest.items() if name != path}
    return {**rest, path: scene.target[path]} if path in scene.target else rest


def edit_what_nobody_touches(scene: Scene) -> Files | None:
    path = scene.some(lambda path: path not in scene.touched and scene.honest[path][0] in TEXT)
    if path is None:
        return None
    return scene.with_file(path, scene.honest[path][0], scene.honest[path][1] + b"more\n")


def bring_back_a_file(scene: Scene) -> Files | None:
    gone = sorted(scene.target.keys() - scene.honest.keys())
    return {**scene.honest, gone[0]: scene.target[gone[0]]} if gone else None


def exchange_two_files(scene: Scene) -> Files | None:
    one, other = scene.some(lambda _: True), scene.some(lambda _: True)
    if one is None or other is None:
        return None
    return {**scene.honest, one: scene.honest[other], other: scene.honest[one]}


def flip_a_mode(scene: Scene) -> Files | None:
    path = scene.some(lambda path: scene.honest[path][0] in TEXT)
    if path is None:
        return None
    mode, content = scene.honest[path]
    return scene.with_file(path, TEXT[1 - TEXT.index(mode)], content)


def point_a_link_elsewhere(scene: Scene) -> Files | None:
    path = scene.some(lambda path: scene.honest[path][0] == LINK)
    return None if path is None else scene.with_file(path, LINK, b"elsewhere")


def make_a_link_a_file(scene: Scene) -> Files | None:
    path = scene.some(lambda path: scene.honest[path][0] == LINK)
    return None if path is None else scene.with_file(path, TEXT[0], scene.honest[path][1])


def move_a_submodule(scene: Scene) -> Files | None:
    path = scene.some(lambda path: scene.honest[path][0] == MODULE)
    return None if path is None else scene.with_file(path, MODULE, b"7" * 40)


def turn_the_last_newline(scene: Scene) -> Files | None:
    path = scene.text()
    if path is None:
        return None
    mode, content = scene.honest[path]
    turned = content.removesuffix(b"\n") if content.endswith(b"\n") else content + b"\n"
    return scene.with_file(path, mode, turned)


def turn_the_ends_of_lines(scene: Scene) -> Files | None:
    path = scene.text()
    if path is None:
        return None
    mode, content = scene.honest[path]
    unix = content.replace(b"\r\n", b"\n")
    return scene.with_file(path, mode, unix if b"\r" in content else unix.replace(b"\n", b"\r\n"))


def put_in_another_binary(scene: Scene) -> Files | None:
    path = scene.some(lambda path: b"\0" in scene.honest[path][1])
    return None if path is None else scene.with_file(path, scene.honest[path][0], b"\0new")


def lose_a_file(scene: Scene) -> Files | None:
    path = scene.some(lambda _: True)
    return {name: file for name, file in scene.honest.items() if name != path}


def empty_a_file(scene: Scene) -> Files | None:
    path = scene.text()
    return None if path is None else scene.with_file(path, scene.honest[path][0], b"")


def move_a_file(scene: Scene) -> Files | None:
    path = scene.some(lambda _: True)
    if path is None:
        return None
    rest = {name: file for name, file in scene.honest.items() if name != path}
    return {**rest, "elsewhere": scene.honest[path]}


def add_a_file(scene: Scene) -> Files | None:
    return scene.with_file("nobody's", TEXT[0], b"")


SABOTAGE: Mapping[str, Sabotage] = {
    each.__name__: each
    for each in (
        drop_a_line,
        say_a_line_twice,
        change_a_line,
        exchange_two_lines,
        move_a_block,
        say_a_block_twice,
        take_one_side_whole,
        take_the_targets,
        edit_what_nobody_touches,
        bring_back_a_file,
        exchange_two_files,
        flip_a_mode,
        point_a_link_elsewhere,
        make_a_link_a_file,
        move_a_submodule,
        turn_the_last_newline,
        turn_the_ends_of_lines,
        put_in_another_binary,
        lose_a_file,
        empty_a_file,
        move_a_file,
        add_a_file,
    )
}


def _possible(files: Files) -> bool:
    return not any(name.startswith(f"{path}/") for path in files for name in files)


def test_what_merges_clean_balances(workshop: Workshop) -> None:
    for seed in range(SEEDS):
        check_no_false_alarm(workshop, seed)


def test_no_sabotage_gets_through(workshop: Workshop) -> None:
    tried = sum(check_sabotage(workshop, seed) for seed in range(SEEDS // 4))
    assert tried > 10 * SEEDS // 4


@pytest.mark.slow
def test_thousands_of_merges(workshop: Workshop) -> None:
    for seed in range(SEEDS_SLOW):
        check_no_false_alarm(workshop, seed)


@pytest.mark.slow
def test_thousands_of_sabotages(workshop: Workshop) -> None:
    assert sum(check_sabotage(workshop, seed) for seed in range(SEEDS_SLOW // 10)) > SEEDS_SLOW


def worlds() -> Iterator[World]:
    for seed in range(4):
        yield random_world(seed, crowded=bool(seed % 2))


def test_a_seed_is_a_world() -> None:
    assert list(worlds()) == list(worlds())
