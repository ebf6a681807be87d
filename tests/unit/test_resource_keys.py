"""What a resource key covers: normal form, overlap, and the index look-ups that find it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.core.limits import RESOURCE_KEY_CHARS_MAX
from agentd.core.resource_keys import (
    BadResourceKey,
    ResourceKey,
    covered_ranges,
    normalise,
    overlap,
    overlapping_keys,
    prefix_range,
)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("file:src/a.py", "file:src/a.py"),
        ("file:./src//a.py", "file:src/a.py"),
        ("file:src/./a.py/", "file:src/a.py"),
        ("dir:src/", "dir:src"),
        ("dir:.", "dir:."),
        ("dir:./", "dir:."),
        ("dir:./.", "dir:."),
        ("dir:...", "dir:..."),
        ("file:.hidden", "file:.hidden"),
        ("file:a b\nc", "file:a b\nc"),
        ("artifact:../x", "artifact:../x"),
        ("tool:cargo-fmt", "tool:cargo-fmt"),
        ("no kind", "no kind"),
        ("File:/x", "File:/x"),
    ],
)
def test_one_spelling_for_one_resource(text: str, key: str) -> None:
    assert normalise(text) == key
    assert normalise(key) == key


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "empty"),
        (" \t", "empty"),
        ("x" * (RESOURCE_KEY_CHARS_MAX + 1), "at most"),
        ("a\0", "NUL"),
        ("file:", "needs a path"),
        ("dir:", "needs a path"),
        ("file:.", "needs a path"),
        ("file:/etc/passwd", "absolute"),
        ("dir:/", "absolute"),
        ("file:../x", "'..'"),
        ("dir:a/../../b", "'..'"),
    ],
)
def test_what_is_no_key_says_which_rule_it_breaks(text: str, rule: str) -> None:
    with pytest.raises(BadResourceKey, match=rule):
        normalise(text)


NAMES = st.sampled_from(["a", "b", "a.py", "ab", "ä", "0", "-"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
KEYS = st.one_of(
    PATHS.map("file:{}".format),
    PATHS.map("dir:{}".format),
    st.just("dir:."),
    PATHS.map("tool:{}".format),
).map(normalise)


def covers(outer: ResourceKey, inner: ResourceKey) -> bool:
    """The definition, in other words than the code's."""
    if outer == inner:
        return True
    kind, _, path = outer.partition(":")
    inner_kind, _, inner_path = inner.partition(":")
    if inner_kind not in ("file", "dir") or kind not in ("file", "dir"):
        return False
    same_place = path == inner_path
    below = kind == "dir" and (path == "." or inner_path.startswith(f"{path}/"))
    return same_place or below


@given(KEYS, KEYS)
def test_keys_overlap_when_one_covers_the_other(left: ResourceKey, right: ResourceKey) -> None:
    expected = covers(left, right) or covers(right, left)
    assert overlap(left, right) is expected
    assert overlap(right, left) is expected


@given(KEYS, KEYS)
def test_look_ups_find_exactly_what_overlaps(left: ResourceKey, right: ResourceKey) -> None:
    points = left in overlapping_keys(right)
    ranges = any(found.start <= left < found.stop for found in covered_ranges(right))
    assert (points or ranges) is overlap(left, right)
    assert not (points and ranges), "a lock would be found twice"


@given(KEYS)
def test_look_ups_are_few_and_distinct(key: ResourceKey) -> None:
    keys = overlapping_keys(key)
    assert keys[0] == key
    assert len(set(keys)) == len(keys) <= key.count("/") + 4


TEXT = st.text(st.sampled_from(["a", "b", "/", "\ud7ff", "\ue000", "\U0010ffff", "ä"]), max_size=5)


@given(TEXT, TEXT)
def test_a_prefix_range_holds_exactly_what_starts_with_it(prefix: str, text: str) -> None:
    found = prefix_range(prefix)
    assert (found.start <= text < found.stop) is text.startswith(prefix)
    found.stop.encode()  # SQLite gets it as UTF-8.


def test_code_points_sort_like_their_utf_8() -> None:
    texts = ["\ud7ff", "\ue000", "\uffff", "\U00010000", "a", "/", "0"]
    assert sorted(texts) == sorted(texts, key=str.encode)
