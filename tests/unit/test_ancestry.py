"""The merge bases found in memory are those that the definition gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.replay.ancestry import Ancestry


@st.composite
def histories(draw: st.DrawFn) -> list[list[int]]:
    """The parents of each commit, by number; parents come first."""
    history: list[list[int]] = [[]]
    for number in range(1, draw(st.integers(2, 14))):
        parents = draw(st.lists(st.integers(0, number - 1), unique=True, min_size=0, max_size=2))
        history.append(parents)
    return history


def _ancestors(history: list[list[int]], commit: int) -> set[int]:
    found = {commit}
    for parent in history[commit]:
        found |= _ancestors(history, parent)
    return found


@given(histories(), st.data())
def test_bases_are_the_common_ancestors_below_no_other(
    history: list[list[int]], data: st.DataObject
) -> None:
    left, right = (data.draw(st.integers(0, len(history) - 1)) for _ in range(2))
    common = _ancestors(history, left) & _ancestors(history, right)
    below = {one for one in common for other in common - {one} if one in _ancestors(history, other)}
    order = [str(commit) for commit in reversed(range(len(history)))]
    parents = {str(index): [str(each) for each in given] for index, given in enumerate(history)}
    found = Ancestry(parents, order).merge_bases(str(left), str(right))
    assert set(found) == {str(each) for each in common - below}


def test_a_commit_outside_the_history_has_no_bases() -> None:
    assert Ancestry({"a": []}, ["a"]).merge_bases("a", "b") == ()
