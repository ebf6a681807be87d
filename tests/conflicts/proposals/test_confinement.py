"""A whole file is taken apart into what stands for each region, or found to differ elsewhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentd.conflicts.proposals.confinement import replacements_in
from agentd.conflicts.proposals.regions import LineMerge, Piece, Region, Settled

LINE = st.sampled_from([b"a\n", b"b\n", b"\n"])
LINES = st.lists(LINE, max_size=4).map(tuple)


@st.composite
def merges(draw: st.DrawFn) -> LineMerge:
    """Settled lines and regions in turn; there are few different lines, so that they repeat."""
    pieces: list[Piece] = [Settled(draw(LINES))]
    for _ in range(draw(st.integers(0, 3))):
        pieces.append(Region((), draw(LINES), draw(LINES), 0, 0))
        settled = draw(st.lists(LINE, min_size=1, max_size=4)) if draw(st.booleans()) else [b"a\n"]
        pieces.append(Settled(tuple(settled)))
    return LineMerge(tuple(pieces))


@given(merges(), st.data())
def test_what_was_put_together_comes_apart(merge: LineMerge, data: st.DataObject) -> None:
    content = merge.resolved([data.draw(LINES) for _ in merge.regions])
    found = replacements_in(merge, content)
    assert found is not None
    assert merge.resolved(found) == content


@given(merges(), st.lists(LINE, max_size=12).map(b"".join))
def test_any_other_file_is_not_taken(merge: LineMerge, content: bytes) -> None:
    found = replacements_in(merge, content)
    assert found is None or merge.resolved(found) == content


MERGE = LineMerge(
    (Settled((b"a\n",)), Region((), (b"x\n",), (b"y\n",), 1, 1), Settled((b"b\n", b"c")))
)


def test_each_way_to_differ_elsewhere() -> None:
    assert replacements_in(MERGE, b"a\nx\ny\nb\nc") == ((b"x\n", b"y\n"),)
    assert replacements_in(MERGE, b"a\nb\nc") == ((),)
    for content in (b"x\ny\nb\nc", b"a\nx\nb\n", b"a\nx\nb\nc\n", b"A\nx\nb\nc", b"a\nb", b""):
        assert replacements_in(MERGE, content) is None
