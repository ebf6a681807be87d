"""The radar's rules: who meets whom, what is one work twice, and that the picture stays exact."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.conflicts.findings import BundleId
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.holding import HeldLock
from agentd.conflicts.pairs import Footprint
from agentd.conflicts.radar.answer import Answer, Asked, Other, Verdict, locks_in_the_way
from agentd.conflicts.radar.as_json import ChangeKind, differences
from agentd.conflicts.radar.radar import (
    Heat,
    Participant,
    ParticipantKind,
    Picture,
    Radar,
    SymbolClash,
    Trespass,
    meet,
)
from agentd.conflicts.radar.scope import narrowed
from agentd.conflicts.trees.changes import FileHunks, Hunk, TreeChange
from tests.conflicts.repo_builder import only

SHA = "0" * 39


def changed(
    path: str, *hunks: tuple[int, int], blob: str = "b", status: str = "M", text: bytes = b"x\n"
) -> FileHunks:
    """A file in which lines are replaced: (first line, how many)."""
    return FileHunks(
        TreeChange(
            status=status,
            path=path,
            old_path=None,
            old_mode="000000" if status == "A" else "100644",
            new_mode="000000" if status == "D" else "100644",
            old_blob=SHA + "a",
            new_blob=blob,
            additions=len(hunks),
            deletions=len(hunks),
        ),
        tuple(Hunk(start, count, start, 1, (b"old\n",) * count, (text,)) for start, count in hunks),
    )


def ours(hunk: tuple[int, int]) -> FileHunks:
    return changed("a", hunk, blob="l")


def theirs(hunk: tuple[int, int]) -> FileHunks:
    return changed("a", hunk, blob="r", text=b"y\n")


def somebody(
    name: str,
    *files: FileHunks,
    kind: ParticipantKind = ParticipantKind.WORKTREE,
    renames: Sequence[tuple[str, str]] = (),
    declared: Sequence[str] = (),
    names: Sequence[str] = (),
) -> Participant:
    own = BundleId(f"{kind.value}-{name}")
    return Participant(
        participant_id=own,
        kind=kind,
        name=name,
        names=frozenset(names or (name,)),
        footprint=Footprint(own, files, tuple(renames)),
        tree=TreeId(f"tree of {own}"),
        declared=tuple(declared),
    )


def lock(key: str, owner: str, *, shared: bool = False, live: bool = True) -> HeldLock:
    return HeldLock(key, owner, "test", "2026-01-01T00:00:00.000Z", None, live, shared)


def never_asked(left: TreeId, right: TreeId) -> tuple[str, ...]:
    raise AssertionError("git was asked about lines")


@pytest.mark.parametrize(
    ("left", "right", "heat", "lines"),
    [
        (
            changed("a", (5, 1), blob="l"),
            changed("a", (5, 1), blob="r", text=b"y\n"),
            "hot",
            (5, 5),
        ),
        (
            changed("a", (5, 3), blob="l"),
            changed("a", (7, 2), blob="r", text=b"y\n"),
            "hot",
            (5, 8),
        ),
        (
            changed("a", (5, 1), blob="l"),
            changed("a", (6, 1), blob="r", text=b"y\n"),
            "hot",
            (5, 6),
        ),
        (ours((5, 1)), theirs((7, 1)), "soft", None),
        (changed("a", (5, 1), blob="l"), changed("a", (5, 1), blob="r"), "soft", None),
        (changed("a", (5, 1), blob="s"), changed("a", (5, 1), blob="s"), "soft", None),
        (changed("a", (5, 1)), changed("b", (5, 1)), None, None),
    ],
    ids=["same", "overlap", "adjacent", "apart", "same text", "same file", "elsewhere"],
)
def test_lines_decide(
    left: FileHunks, right: FileHunks, heat: str | None, lines: tuple[int, int] | None
) -> None:
    found = meet(somebody("l", left), somebody("r", right), never_asked)
    assert (found.heat.value if found else None) == heat
    if found is not None:
        assert only(found.spots).lines == (() if lines is None else (lines,))
        assert found.identical == (left.change.new_blob == "s")


def test_two_names_that_differ_in_case_are_hot_whatever_git_says() -> None:
    left = somebody("l", changed("Readme", status="A", blob="l"))
    right = somebody("r", changed("README", status="A", blob="r"))
    found = meet(left, right, lambda one, other: ())
    assert found is not None
    assert found.heat is Heat.HOT
    assert only(found.spots).kind == "tree"


@pytest.mark.parametrize(
    ("word", "heat"), [((), Heat.SOFT), (("old.py",), Heat.HOT), (None, Heat.HOT)]
)
def test_git_is_asked_where_a_file_moved(word: tuple[str, ...] | None, heat: Heat) -> None:
    mover = somebody(
        "m",
        changed("old.py", status="D", blob=SHA + "0"),
        changed("new.py", status="A", blob="n"),
        renames=[("old.py", "new.py")],
    )
    editor = somebody("e", changed("old.py", (3, 1), blob="e"))
    found = meet(mover, editor, lambda left, right: word)
    assert found is not None
    assert found.heat is heat
    assert found.spots[0].path == "old.py"


def test_a_conflict_that_only_git_sees_is_hot() -> None:
    mover = somebody(
        "m",
        changed("d/a", status="D", blob=SHA + "0"),
        changed("e/a", status="A", blob="n"),
        renames=[("d/a", "e/a")],
    )
    adder = somebody("a", changed("d/b", status="A", blob="b"))
    assert meet(mover, adder, lambda left, right: ()) is None
    found = meet(mover, adder, lambda left, right: ("d/b",))
    assert found is not None
    assert (found.heat, found.spots[0].path) == (Heat.HOT, "d/b")


@pytest.mark.parametrize(
    ("scope", "meets"),
    [("src", True), ("src/a.py", True), (".", True), ("sr", False), ("src/a.py/x", False)],
)
def test_a_declaration_meets_softly_what_it_covers(scope: str, meets: bool) -> None:
    declarer = somebody("d", declared=[scope])
    found = meet(declarer, somebody("w", changed("src/a.py", (1, 1))), never_asked)
    assert (found is not None) == meets
    if found is not None:
        assert (found.heat, found.spots[0].path) == (Heat.SOFT, "src/a.py")


class BreaksEverything:
    """Stands for whoever knows symbols: says that every pair breaks one."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def clashes(self, left: Participant, right: Participant) -> Sequence[SymbolClash]:
        self.asked.append((left.name, right.name))
        return [SymbolClash("a.py", "f", "right calls f, which left removes")]


def test_symbols_meet_without_a_file_in_common_and_only_where_texts_merge() -> None:
    symbols = BreaksEverything()
    radar = Radar(never_asked, symbols)
    radar.put(somebody("a", changed("a.py", (1, 1), blob="a")))
    radar.put(somebody("b", changed("b.py", (1, 1), blob="b")))
    radar.put(somebody("c", changed("b.py", (1, 1), blob="c", text=b"y\n")))
    heats = {(each.left, each.right): each.heat for each in radar.picture().encounters}
    assert heats == {
        ("worktree-b", "worktree-c"): Heat.HOT,
        ("worktree-a", "worktree-b"): Heat.SYMBOLS,
        ("worktree-a", "worktree-c"): Heat.SYMBOLS,
    }
    assert ("b", "c") not in symbols.asked


# One work twice


def test_a_bundle_is_its_worktrees_also_when_the_work_goes_on() -> None:
    radar = Radar(never_asked)
    bundle = somebody(
        "codex", changed("a", (5, 1), blob="first"), kind=ParticipantKind.BUNDLE, names=["codex"]
    )
    radar.put(bundle)
    radar.put(somebody("w1", changed("a", (5, 1), blob="first"), changed("b", (1, 1), blob="b")))
    radar.set_locks([lock("file:a", "codex")])
    assert not radar.picture().somebody_meets
    radar.put(somebody("w1", changed("a", (5, 1), blob="second", text=b"y\n")))
    assert not radar.picture().somebody_meets
    radar.put(somebody("w2", changed("a", (5, 1), blob="other", text=b"z\n")))
    met = radar.picture()
    assert {(each.left, each.right) for each in met.encounters} == {
        ("worktree-w1", "worktree-w2"),
        ("worktree-w2", "bundle-codex"),
    }
    assert [each.participant for each in met.trespasses] == ["worktree-w2"]


def test_equal_names_are_one_worker_and_having_none_is_not() -> None:
    for name, meets in (("codex", False), ("anonymous", True)):
        radar = Radar(never_asked)
        radar.put(somebody("1", changed("a", (5, 1), blob="l"), names=[name]))
        radar.put(somebody("2", changed("a", (5, 1), blob="r", text=b"y\n"), names=[name]))
        assert radar.picture().somebody_meets == meets


# Locks


def test_locks_of_others_over_ones_paths_are_in_the_way() -> None:
    radar = Radar(never_asked)
    radar.put(somebody("w", changed("src/a.py", (1, 1)), changed("src/b.py", (1, 1))))
    mine, theirs = lock("file:src/a.py", "w"), lock("dir:src", "agy", shared=True)
    radar.set_locks(
        [mine, theirs, lock("file:src/b.py", "gone", live=False), lock("file:other", "x")]
    )
    assert radar.picture().trespasses == (Trespass(BundleId("worktree-w"), theirs, ("src/b.py",)),)


@pytest.mark.parametrize(
    ("path", "is_directory", "keys"),
    [
        ("src/a.py", False, {"file:src/a.py", "dir:src", "dir:.", "artifact:src/a.py"}),
        ("src", True, {"file:src/a.py", "dir:src", "dir:.", "file:src/b/c"}),
        ("src/b", True, {"dir:src", "dir:.", "file:src/b/c"}),
        ("srcs", False, {"dir:."}),
        (".", True, {"file:src/a.py", "dir:src", "dir:.", "file:src/b/c"}),
    ],
)
def test_a_question_sees_the_locks_over_and_below_it(
    path: str, is_directory: bool, keys: set[str]
) -> None:
    every = ("file:src/a.py", "dir:src", "dir:.", "file:src/b/c", "artifact:src/a.py", "port:80")
    asked = Asked(path, is_directory, None, frozenset({"me"}))
    found = locks_in_the_way(asked, [lock(key, "them") for key in every])
    assert {each.resource_key for each in found} == keys
    assert not locks_in_the_way(asked, [lock(key, "me") for key in every])


def test_the_gravest_decides_the_verdict() -> None:
    asked = Asked("a", False, None, frozenset({"me"}))
    mine = somebody("me", changed("a", (5, 1), blob="m"))
    apart = somebody("you", changed("a", (50, 1), blob="y"))
    near = somebody("they", changed("a", (5, 1), blob="t", text=b"y\n"))
    soft = Other(apart, meet(mine, apart, never_asked))
    hot = Other(near, meet(mine, near, never_asked))
    shared, exclusive = lock("file:a", "x", shared=True), lock("file:a", "x")
    assert Answer(asked, ()).verdict is Verdict.FREE
    assert Answer(asked, (shared,)).verdict is Verdict.SOFT
    assert Answer(asked, (), (Other(near, None),)).verdict is Verdict.SOFT
    assert Answer(asked, (shared,), (soft,)).verdict is Verdict.SOFT
    assert Answer(asked, (shared,), (soft, hot)).verdict is Verdict.HOT
    assert Answer(asked, (shared, exclusive), (soft, hot)).verdict is Verdict.LOCKED


def test_narrowing_keeps_what_the_scope_covers() -> None:
    whole = somebody(
        "w",
        changed("src/a.py", (1, 1)),
        changed("docs/a.md", (1, 1)),
        renames=[("lib/x", "src/x"), ("m", "n")],
        declared=["src/sub", "docs"],
    )
    assert narrowed(whole, "src").paths == ("lib/x", "src/a.py", "src/sub", "src/x")
    assert narrowed(whole, "docs/a.md").paths == ("docs", "docs/a.md")
    assert narrowed(whole, ".").paths == whole.paths


# Staying exact

NAMES = ("a", "b", "c", "d", "e")
files = st.lists(
    st.builds(
        lambda path, start, blob: changed(path, (start, 2), blob=blob, text=blob.encode()),
        st.sampled_from(["x", "y", "d/z"]),
        st.integers(1, 9),
        st.sampled_from(["1", "2", "3"]),
    ),
    max_size=3,
    unique_by=lambda file: file.change.path,
)
states = st.builds(
    lambda name, files, declared: somebody(name, *files, declared=declared),
    st.sampled_from(NAMES),
    files,
    st.lists(st.sampled_from(["x", "d"]), max_size=1),
)
steps = st.lists(st.one_of(states, st.sampled_from(NAMES)), max_size=30)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_a_picture_kept_up_is_the_picture_made_anew(history: list[Participant | str]) -> None:
    radar, present = Radar(lambda left, right: ()), dict[str, Participant]()
    before = Picture()
    for step in history:
        if isinstance(step, str):
            radar.drop(BundleId(f"worktree-{step}"))
            present.pop(step, None)
        else:
            assert radar.put(step) == (present.get(step.name) != step)
            present[step.name] = step
        fresh = Radar(lambda left, right: ())
        for each in present.values():
            fresh.put(each)
        after = radar.picture()
        assert after == fresh.picture()
        assert_told(before, after)
        before = after


def assert_told(before: Picture, after: Picture) -> None:
    """Whoever is told the differences knows who meets whom, and who works where."""
    meeting = {(each.left, each.right): each for each in before.encounters}
    paths = {each.participant_id: each.paths for each in before.participants if each.paths}
    for change in differences(before, after):
        if change.encounter is not None:
            pair = (change.encounter.left, change.encounter.right)
            if change.kind is ChangeKind.PARTED:
                del meeting[pair]
            else:
                meeting[pair] = change.encounter
        elif change.kind is ChangeKind.LEFT:
            del paths[change.people[0].participant_id]
        elif change.kind in (ChangeKind.JOINED, ChangeKind.WORKED):
            paths[change.people[0].participant_id] = change.people[0].paths
    assert meeting == {(each.left, each.right): each for each in after.encounters}
    assert paths == {each.participant_id: each.paths for each in after.participants if each.paths}


def test_a_change_costs_only_those_whom_it_can_meet() -> None:
    radar = Radar(never_asked)
    for number in range(200):
        radar.put(somebody(f"w{number}", changed(f"file{number % 100}", (number + 1, 1))))
    assert radar.compared == 100
    radar.put(somebody("w7", changed("file7", (9, 1)), changed("new", (1, 1))))
    assert radar.compared == 101
    radar.put(somebody("w7", changed("file7", (9, 1)), changed("new", (1, 1))))
    assert radar.compared == 101
