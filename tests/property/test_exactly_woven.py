"""What is woven byte for byte has each line as often, and in the order, that its sides have."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentd.conflicts.ledger.line_counts import is_exactly_woven, miscounted
from agentd.conflicts.ledger.line_order import LineFile, LineSide, misplaced
from agentd.conflicts.patches.changed_text import with_hunks
from agentd.conflicts.trees.changes import Hunk

LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"}\n", b"\n"]), max_size=3)


@st.composite
def woven(draw: st.DrawFn) -> LineFile:
    """A text, and changes of its lines that lie apart, each of one of two sides."""
    base = draw(st.lists(st.sampled_from([b"a\n", b"b\n", b"}\n"]), min_size=1, max_size=14))
    sides: tuple[list[Hunk], list[Hunk]] = ([], [])
    at = 0
    while at < len(base):
        at += draw(st.integers(0, 4))
        taken = tuple(base[at : at + draw(st.integers(0, 2))])
        added = tuple(draw(LINES))
        if at < len(base) and taken != added:
            start = at + 1 if taken else at
            hunk = Hunk(start, len(taken), 0, len(added), taken, added)
            draw(st.sampled_from(sides)).append(hunk)
        at += len(taken) + 1
    content = b"".join(base)
    result = with_hunks(content, sorted((*sides[0], *sides[1]), key=lambda h: h.old_start))
    both = (LineSide("one", tuple(sides[0])), LineSide("two", tuple(sides[1])))
    return LineFile("a.txt", content, result, both)


@given(woven())
def test_nothing_is_missed_in_what_is_exactly_woven(file: LineFile) -> None:
    assert is_exactly_woven(file)
    assert miscounted(file) == ([], [])
    assert misplaced(file) is None


@given(woven(), st.data())
def test_any_other_text_is_not(file: LineFile, data: st.DataObject) -> None:
    lines = file.result.split(b"\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at : at + data.draw(st.integers(0, 1))] = data.draw(st.lists(st.just(b"x"), max_size=2))
    result = b"\n".join(lines)
    changed = LineFile(file.path, file.base, result, file.sides)
    assert is_exactly_woven(changed) == (result == file.result)
