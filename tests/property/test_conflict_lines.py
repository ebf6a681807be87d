"""What lines say about two changes is what git's merge says, and the ledger misses nothing."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from agentd.conflicts.bundles.admission import Candidate
from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.bundles.submission import Submission
from agentd.conflicts.findings import BundleId
from agentd.conflicts.freshness import Freshness, Placed
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.hunk_overlap import Touch, meeting_hunks, touch
from agentd.conflicts.ledger.accounting import check_ledger
from agentd.conflicts.ledger.books import Books, Entry, FileState
from agentd.conflicts.ledger.ledger import audit
from agentd.conflicts.pairs import Footprint, find_meetings
from agentd.conflicts.trees.changes import Hunk
from agentd.conflicts.trees.edits import NewFile

NO_FILES = TreeId("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
LINES = [f"line {number}\n" for number in range(12)]

edits = st.lists(
    st.tuples(
        st.integers(0, 11), st.integers(0, 2), st.lists(st.sampled_from(["x\n", "y\n"]), max_size=2)
    ),
    min_size=1,
    max_size=3,
)


def edited(changes: list[tuple[int, int, list[str]]], keep_end: bool) -> bytes:
    lines = list(LINES)
    for start, count, new in sorted(changes, reverse=True):
        lines[start : start + count] = new
    text = "".join(lines)
    return (text if keep_end else text.removesuffix("\n")).encode()


@pytest.fixture(scope="module")
def quarantine(tmp_path_factory: pytest.TempPathFactory) -> Quarantine:
    path = tmp_path_factory.mktemp("repo")
    subprocess.run(["git", "init", "-q", str(path)], check=True, env={"PATH": "/usr/bin:/bin"})
    git = GitProcess()
    return Quarantine(tmp_path_factory.mktemp("home"), Repository(path, git), git)


def trees_of(quarantine: Quarantine, *contents: Mapping[str, bytes]) -> tuple[TreeId, ...]:
    """Trees of files, made in one go: git starts too slowly for a process a file."""
    return quarantine.make_trees(
        [
            (NO_FILES, {name: NewFile("100644", content) for name, content in files.items()})
            for files in contents
        ]
    )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(left=edits, right=edits, left_end=st.booleans(), right_end=st.booleans())
def test_meeting_lines_are_exactly_git_s_conflicts(
    quarantine: Quarantine,
    left: list[tuple[int, int, list[str]]],
    right: list[tuple[int, int, list[str]]],
    left_end: bool,
    right_end: bool,
) -> None:
    contents = "".join(LINES).encode(), edited(left, left_end), edited(right, right_end)
    assume(len(set(contents)) == len(contents))
    base, one, two = trees_of(quarantine, *({"f": content} for content in contents))
    mine, others = quarantine.hunks([(base, one), (base, two)])
    meeting = list(meeting_hunks(mine[0].hunks, others[0].hunks))
    clean = quarantine.merge(base, one, two).clean
    if not clean:
        # A conflict is never missed: this is what the pair pass rests on.
        assert [found for _, _, found in meeting if found is not Touch.SAME]
    if not meeting:
        assert clean


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(left=edits, right=edits, sabotage=st.integers(0, 3))
def test_the_ledger_agrees_with_good_merges_and_catches_lost_lines(
    quarantine: Quarantine,
    left: list[tuple[int, int, list[str]]],
    right: list[tuple[int, int, list[str]]],
    sabotage: int,
) -> None:
    contents = {
        "base": "".join(LINES).encode(),
        "one": edited(left, keep_end=True),
        "two": edited(right, keep_end=True),
    }
    merged = quarantine.merge(
        *trees_of(quarantine, *({"f": content} for content in contents.values()))
    )
    assume(merged.clean)
    result = quarantine.blob_at(merged.tree, "f")
    assert result is not None
    contents["result"] = result
    assert audit(books(contents)) == ()
    lines = result.splitlines(keepends=True)
    assume(lines)
    if sabotage == 0:
        del lines[len(lines) // 2]
    elif sabotage == 1:
        lines.append(lines[0])
    elif sabotage == 2:
        lines[-1] = b"nobody's line\n"
    else:
        lines.insert(0, b"nobody's line\n")
    contents["result"] = b"".join(lines)
    only_spelling = Counter(contents["result"].splitlines()) == Counter(result.splitlines())
    assume(not only_spelling)
    harmless = sabotage in (0, 1) and _could_be_twice(contents)
    assert harmless or audit(books(contents))


def _could_be_twice(contents: dict[str, bytes]) -> bool:
    """Whether both made the same change of some line, so that once and twice are both right."""
    nets = []
    for name in ("one", "two"):
        net = Counter(contents[name].splitlines())
        net.subtract(Counter(contents["base"].splitlines()))
        nets.append(net)
    return any(nets[0][line] * nets[1][line] > 0 for line in nets[0])


def books(contents: dict[str, bytes]) -> Books:
    def files(name: str) -> dict[str, FileState]:
        return {"f": FileState("100644", name)}

    entries = tuple(
        Entry(BundleId(name), files("base"), files(name), frozenset({"f"}))
        for name in ("one", "two")
    )
    return Books(files("base"), files("result"), entries, contents)


names = st.sampled_from(["a", "A", "d/a", "d/b", "d/A", "d", "e/f/g"])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    base=st.dictionaries(names, st.sampled_from([b"1\n", b"2\n"]), min_size=1, max_size=4),
    left=st.dictionaries(names, st.sampled_from([b"1\n", b"3\n", None]), min_size=1, max_size=3),
    right=st.dictionaries(names, st.sampled_from([b"1\n", b"4\n", None]), min_size=1, max_size=3),
)
def test_no_conflict_of_names_is_missed(
    quarantine: Quarantine,
    base: dict[str, bytes],
    left: dict[str, bytes | None],
    right: dict[str, bytes | None],
) -> None:
    start = {name: content for name, content in base.items() if _possible(base, name)}
    sides = [start]
    for changes in (left, right):
        files: dict[str, bytes] = dict(start)
        for name, content in changes.items():
            if content is None:
                files.pop(name, None)
            else:
                files[name] = content
        assume(all(_possible(files, name) for name in files))
        assume(files != start)
        sides.append(files)
    trees = trees_of(quarantine, *sides)
    pairs = [(trees[0], trees[1]), (trees[0], trees[2])]
    hunks = quarantine.hunks(pairs)
    renames = quarantine.changes(pairs, renames=True)
    footprints = [
        Footprint(BundleId(name), files, tuple((c.old_path, c.path) for c in moved if c.old_path))
        for name, files, moved in zip(("one", "two"), hunks, renames, strict=True)
    ]
    meetings = find_meetings(footprints)
    if not quarantine.merge(*trees).clean:
        assert [meeting for meeting in meetings if meeting.doubtful]


def _possible(files: dict[str, bytes], name: str) -> bool:
    """Whether no other name needs a directory in its place."""
    return not any(other.startswith(f"{name}/") for other in files)


bundle_files = st.dictionaries(st.sampled_from(["a", "b"]), edits, min_size=1, max_size=2)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(bundles=st.lists(bundle_files, min_size=2, max_size=4), chaos=st.randoms())
def test_no_accepted_combination_loses_or_moves_a_hunk(
    quarantine: Quarantine,
    bundles: list[dict[str, list[tuple[int, int, list[str]]]]],
    chaos: Random,
) -> None:
    """Whatever merges balances; and with any two different lines exchanged it does not."""
    start = {name: "".join(LINES).encode() for name in ("a", "b")}
    proposed = (
        start | {name: edited(change, keep_end=True) for name, change in changes.items()}
        for changes in bundles
    )
    base, *owns = trees_of(quarantine, start, *proposed)
    tree, taken = base, []
    for number, own in enumerate(owns):
        if own == base:
            continue
        merged = quarantine.merge(base, tree, own)
        if merged.clean:
            tree = merged.tree
            taken.append(placed_bundle(quarantine, BundleId(f"b-{number}"), base, own))
    assume(taken)
    assert check_ledger(quarantine, base, tree, taken, text_bytes_max=2**20).discrepancies == ()
    result = {name: quarantine.blob_at(tree, name) or b"" for name in start}
    name = chaos.choice(sorted(start))
    lines = result[name].splitlines(keepends=True)
    assume(len(set(lines)) > 1)
    first, second = chaos.sample(range(len(lines)), 2)
    assume(lines[first] != lines[second])
    lines[first], lines[second] = lines[second], lines[first]
    (spoilt,) = trees_of(quarantine, result | {name: b"".join(lines)})
    assert check_ledger(quarantine, base, spoilt, taken, text_bytes_max=2**20).discrepancies


def placed_bundle(
    quarantine: Quarantine, bundle_id: BundleId, base: TreeId, tree: TreeId
) -> Placed:
    (changes,) = quarantine.changes([(base, tree)], renames=True)
    submission = Submission(Bundle(str(bundle_id), "test", ()))
    candidate = Candidate(bundle_id, submission, base, tree, changes, ())
    return Placed(candidate, Freshness.IN_STEP, tree)


def test_an_insertion_between_lines_that_the_other_changes_is_in_the_middle_of_its_text() -> None:
    rewritten = Hunk(3, 4, 3, 1, removed=(b"a\n",) * 4, added=(b"b\n",))
    inside, before, after = (Hunk(line, 0, line + 1, 1, (), (b"c\n",)) for line in (4, 2, 6))
    assert touch(rewritten, inside) is touch(inside, rewritten) is Touch.OVERLAP
    for edge in (before, after):
        assert touch(rewritten, edge) is touch(edge, rewritten) is Touch.ADJACENT
