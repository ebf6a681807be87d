"""For any two insertions in one place: both sides' lines are kept, always in the same order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.conflicts.proposals.entities import Merged, merge_entities
from agentd.conflicts.proposals.gates import check_file
from agentd.conflicts.proposals.regions import Settled, lay_over, lines_of
from agentd.conflicts.proposals.sides import Declined, FileSides
from agentd.conflicts.trees.changes import Hunk


@dataclass(frozen=True)
class Form:
    """How the parts of one kind of file are written."""

    path: str
    part: str
    """With `#` where the part's number comes."""
    gap: str


FORMS = (
    Form("a.py", "def f#(a):\n    return [a, #, 'x' * #]\n", "\n\n"),
    Form("a.py", "import m#\n", ""),
    Form("a.go", "func F#(a int) int {\n\treturn a * # + k#\n}\n", "\n"),
    Form("a.toml", "key# = #\n", ""),
    Form("a.yaml", "key#:\n  value: #\n", ""),
    Form("CHANGES.md", "- thing#: word# is better than word of #\n", ""),
)
numbers = st.lists(st.integers(10, 99), min_size=1, max_size=4, unique=True)


def written(form: Form, parts: list[int]) -> bytes:
    head = "package a\n\n" if form.path.endswith(".go") else ""
    body = form.gap.join(form.part.replace("#", str(number)) for number in parts)
    return (head + body).encode()


def inserted(form: Form, base: list[int], at: int, added: list[int]) -> tuple[bytes, Hunk]:
    """A version with more parts before the one at a place, and the insertion as a diff has it."""
    version = written(form, [*base[:at], *added, *base[at:]])
    before = len(lines_of(written(form, base[:at])))
    if 0 < at < len(base):
        before += form.gap.count("\n")
    lines = lines_of(version)
    count = len(lines) - len(lines_of(written(form, base)))
    return version, Hunk(before, 0, before + 1, count, (), lines[before : before + count])


@settings(max_examples=150, deadline=None)
@given(
    form=st.sampled_from(FORMS),
    base=st.lists(st.integers(100, 199), min_size=1, max_size=4, unique=True),
    place=st.integers(0, 4),
    left=numbers,
    right=numbers,
)
def test_both_sides_are_kept_whole_and_in_order(
    form: Form, base: list[int], place: int, left: list[int], right: list[int]
) -> None:
    at = min(place, len(base))
    start = written(form, base)
    (mine, my_hunk), (other, other_hunk) = (
        inserted(form, base, at, added) for added in (left, right)
    )
    sides = FileSides(form.path, start, mine, other, (my_hunk,), (other_hunk,))
    outcome = merge_entities(sides)
    if set(left) & set(right):
        assert left == right or isinstance(outcome, Declined) or check_file(sides, outcome.content)
        return
    assert isinstance(outcome, Merged), outcome
    assert check_file(sides, outcome.content) == ()
    kept = Counter(line for line in outcome.content.splitlines() if line.strip())
    wanted = Counter(line for line in mine.splitlines() if line.strip())
    wanted += Counter(line for line in other.splitlines() if line.strip())
    wanted -= Counter(line for line in start.splitlines() if line.strip())
    assert kept == wanted
    again = merge_entities(sides)
    assert again == outcome
    swapped = merge_entities(FileSides(form.path, start, other, mine, (other_hunk,), (my_hunk,)))
    assert isinstance(swapped, Merged)
    assert sorted(swapped.content.splitlines()) == sorted(outcome.content.splitlines())
    parts = [line for line in outcome.content.splitlines() if line.strip()]
    for version in (mine, other):
        own = [line for line in version.splitlines() if line.strip()]
        rest = iter(parts)
        assert all(line in rest for line in own), "a side's lines are out of order"


lines = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n"]), max_size=8).map(tuple)


@settings(max_examples=300, deadline=None)
@given(base=lines, left=lines, right=lines, place=st.integers(0, 8), by=st.integers(-6, 6))
def test_sliding_an_insertion_changes_neither_version(
    base: tuple[bytes, ...],
    left: tuple[bytes, ...],
    right: tuple[bytes, ...],
    place: int,
    by: int,
) -> None:
    at = min(place, len(base))
    hunks = [
        (Hunk(at, 0, at + 1, len(added), (), added),) if added else () for added in (left, right)
    ]
    merge = lay_over(base, *hunks)
    if not merge.regions:
        assert left == right or not left or not right
        return
    slid = merge.slid(0, by)
    if slid is None:
        return
    (region,) = slid.regions
    settled = [piece.lines for piece in slid.pieces if isinstance(piece, Settled)]
    assert settled[0] + settled[1] == base
    for added, side in ((left, region.left), (right, region.right)):
        version = base[:at] + added + base[at:]
        assert settled[0] + side + settled[1] == version
    assert region.left_start == region.right_start == len(settled[0])
