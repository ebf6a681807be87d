"""The report of a review: complete, self-contained, and deaf to what agents wrote into it."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.conflicts.report.facts import ACTIONS, read_review
from agentd.conflicts.report.graph import NARROW, WIDE, Frame, draw
from agentd.conflicts.report.hunks import HUNKS_MAX
from agentd.conflicts.report.markup import Html, element, sentence
from agentd.conflicts.report.page import render_report, style
from agentd.conflicts.report.syntax import coloured
from agentd.conflicts.report.words import changed_words
from tests.conflicts.busy_review import ODD_PATH, busy_record, recorded
from tests.conflicts.hostile_record import hostile

VOID = {"meta", "wbr"}
ELEMENTS = VOID | set(
    re.findall(
        r"\w+",
        "html head title style body header nav main section article footer h1 h2 h3 h4 p ul ol li "
        "dl dt dd div span a b i small code pre bdi time table caption thead tbody tr th td figure "
        "figcaption details summary del ins mark strong svg g path rect text",
    )
)
ATTRIBUTES = set(
    re.findall(
        r"[\w-]+",
        "lang charset http-equiv content name id class href role aria-label aria-labelledby "
        "tabindex title scope datetime open viewbox width height x y rx d text-anchor "
        "preserveaspectratio",
    )
)


class Page(HTMLParser):
    """A page, taken apart; what is not closed in order, or not ours, is an error."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.policy = ""
        self.texts: list[str] = []
        self.classes: list[tuple[str, str]] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS, f"<{tag}> is not ours"
        for name, value in attrs:
            assert name in ATTRIBUTES, f"<{tag} {name}={value!r}> is not ours"
        found = {name: value or "" for name, value in attrs}
        self.classes.append((tag, found.get("class", "")))
        if "id" in found:
            self.ids.append(found["id"])
        if "href" in found:
            self.links.append(found["href"])
        if found.get("http-equiv"):
            assert found["http-equiv"] == "Content-Security-Policy"
            self.policy = found["content"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")

    @property
    def text(self) -> str:
        """Everything that can be read."""
        return "".join(self.texts)


def page_of(record: dict[str, Any]) -> Page:
    return Page(render_report(record))


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """A review in which much happens."""
    return recorded()


def test_everything_is_on_the_page(record: dict[str, Any]) -> None:
    page = page_of(record)
    shown = re.sub(r"\s+", " ", page.text)
    for bundle in record["bundles"]:
        assert bundle["owner"] in shown
        assert bundle["intent"] in shown
        for claim in bundle["claims"]:
            assert claim["text"] in shown
    for decision in record["decisions"]:
        for reason in decision["reasons"]:
            assert reason["message"].replace("`", "") in shown
    for finding in record["findings"]:
        assert finding["message"].replace("`", "") in shown
    for run in record["verification"]:
        assert run["command"] in shown
        assert run["output_sha256"] in shown
        last_line = run["output_tail"].rstrip().splitlines()[-1].strip()
        assert last_line.replace("\x1b", "\\x1b") in page.text
    for part in (record["review_id"], record["policy"]["digest"], record["git_version"]):
        assert part in shown
    assert record["integration"]["commit"] in shown
    assert ODD_PATH.replace(" ", "") in page.text.replace(" ", "")
    assert record["closed"][0]["owner"] in shown


def test_both_sides_of_every_hunk_are_on_the_page(record: dict[str, Any]) -> None:
    text = page_of(record).text
    hunks = [hunk for found in record["findings"] for hunk in found["evidence"].get("hunks", ())]
    assert len(hunks) > 5
    for hunk in hunks:
        for side in (hunk["left"], hunk["right"]):
            for line in (*side["removed"], *side["added"]):
                assert line in text


def test_the_verdicts_are_counted(record: dict[str, Any]) -> None:
    actions = [decision["action"] for decision in record["decisions"]]
    assert set(actions) == set(ACTIONS)
    source = render_report(record)
    for action in ACTIONS:
        assert f"<b>{actions.count(action)}</b><span>" in source
    assert f"{actions.count('merge')} of {len(actions)} bundles merge" in source


def test_links_lead_somewhere_and_ids_are_unique(record: dict[str, Any]) -> None:
    page = page_of(record)
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert all(link.startswith("#") for link in page.links)


def test_the_policy_allows_our_style_and_nothing_else(record: dict[str, Any]) -> None:
    source = render_report(record)
    page = Page(source)
    css = source.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.policy
    assert "default-src 'none'" in page.policy
    assert "unsafe" not in page.policy
    assert not re.search(r"url\(|@import|expression", css)


@pytest.mark.parametrize("everywhere", [False, True])
def test_nothing_gets_out_of_a_hostile_record(record: dict[str, Any], everywhere: bool) -> None:
    page = page_of(hostile(record, everywhere=everywhere))
    assert "<script>document.title='taken'</script>" in page.text  # Shown as what it is.
    assert "\\x1b[2J" in page.text
    assert "abc\\u202egnp.exe" in page.text
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", page.text
    )


def test_a_page_can_always_be_written(record: dict[str, Any]) -> None:
    render_report(hostile(record, everywhere=True)).encode("utf-8")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_json_makes_a_page(data: st.DataObject) -> None:
    shortened = recorded()
    for part in data.draw(st.sets(st.sampled_from(sorted(shortened)))):
        shortened[part] = data.draw(json_values)
    for part in ("bundles", "findings", "decisions", "edges", "verification"):
        if isinstance(shortened[part], list) and shortened[part]:
            shortened[part] = shortened[part][:2]
            one = data.draw(st.sampled_from(sorted(recorded()[part][0])))
            shortened[part][0] = {**recorded()[part][0], one: data.draw(json_values)}
    Page(render_report(shortened))


def test_the_same_record_gives_the_same_page(record: dict[str, Any]) -> None:
    assert render_report(record) == render_report(recorded())


def test_an_empty_review() -> None:
    page = page_of({"review_id": "3f2a91c0", "bundles": [], "decisions": [], "findings": []})
    assert "No bundle was handed in" in page.text
    assert "Nothing was merged" in page.text


def test_a_shortened_record_says_so(record: dict[str, Any]) -> None:
    assert "daemon's copy" not in page_of(record).text
    assert "daemon's copy" in page_of({**record, "shortened": True}).text


def test_a_ledger_that_does_not_balance(record: dict[str, Any]) -> None:
    assert "balanced" in page_of(record).text
    wrong = {
        "kind": "ledger_mismatch",
        "severity": "error",
        "bundles": [],
        "path": "src/orders.py",
        "message": "In src/orders.py: lines are missing",
        "evidence": {"problem": "lines are missing", "lines": ["    return amount"]},
    }
    text = page_of({**record, "integration": None, "findings": [wrong]}).text
    assert "does not balance" in text
    assert "    return amount⏎" in text
    assert "✔ balanced" not in text


def test_a_conflict_of_names_shows_both_places(record: dict[str, Any]) -> None:
    left, right = (each["bundle_id"] for each in record["bundles"][:2])
    silent = {
        "kind": "symbol_conflict",
        "severity": "error",
        "bundles": [left, right],
        "path": "a.py",
        "message": "`load` is gone",
        "evidence": {
            "level": "S1",
            "change": {"bundle": right, "path": "a.py", "line": 7, "text": "def load(path)"},
            "meets": {"bundle": left, "path": "b.py", "line": 3, "text": "from a import load"},
        },
    }
    text = page_of({**record, "findings": [silent]}).text
    names = {each.bundle_id: each.name for each in read_review(record).bundles}
    assert "names break" in text
    for side, told in (
        (right, "changes ita.py:7 def load(path)"),
        (left, "relies on itb.py:3 from a import load"),
    ):
        assert f"{names[side]}{told}" in text


def test_what_needs_somebody_is_decided_first_on_the_page(record: dict[str, Any]) -> None:
    """And the numbers at the head lead there."""
    page = page_of(record)
    groups = [each for each in page.ids if each.startswith("all-")]
    there = {each["action"] for each in record["decisions"]}
    assert groups == [f"all-{action}" for action in reversed(ACTIONS) if action in there]
    assert {f"#{each}" for each in groups} <= set(page.links)


def test_a_file_whose_name_or_mode_alone_changes_says_so(record: dict[str, Any]) -> None:
    still = {"additions": 0, "deletions": 0, "binary": False}
    moved = {"status": "R", "path": "new.py", "old_path": "old.py", **still}
    made_executable = {"status": "M", "path": "tool.sh", "old_path": None, **still}
    changes = [moved, {**made_executable, "old_mode": "100644", "new_mode": "100755"}]
    paths = ["new.py", "old.py", "tool.sh"]
    bundle = {**record["bundles"][0], "changes": changes, "paths": paths, "additions": 0}
    text = page_of({**record, "bundles": [{**bundle, "deletions": 0}]}).text
    for shown in ("old.py→moved", "new.pyR+0 −0", "tool.shMmode", "mode 100644 → 100755"):
        assert shown in text


def test_a_run_that_was_given_up_names_whose_changes_failed_in_it(record: dict[str, Any]) -> None:
    culprit = record["bundles"][0]
    run = {**record["verification"][0], "tree": "5" * 40, "status": "failed"}
    failed = {
        "kind": "verification_failed",
        "severity": "error",
        "bundles": [culprit["bundle_id"]],
        "message": "It fails.",
        "evidence": {"command": run["command"], "tree": run["tree"]},
    }
    text = page_of({**record, "verification": [run], "findings": [failed]}).text
    assert re.search(rf"What fails here comes from {culprit['owner']}\b", text)


def test_long_lists_of_bundles_without_a_conflict_are_folded(record: dict[str, Any]) -> None:
    free = [
        {**record["bundles"][0], "bundle_id": f"b-{n}", "owner": f"free-{n}"} for n in range(30)
    ]
    for bundles, opened in ((free[:3], True), (free, False)):
        everybody = [*record["bundles"], *bundles]
        source = render_report({**record, "bundles": everybody})
        found = re.search(r"<details( open=\"\")?><summary>In conflict with no other", source)
        assert found is not None
        assert bool(found[1]) == opened


def test_a_page_does_not_grow_without_bound(record: dict[str, Any]) -> None:
    conflict = next(found for found in record["findings"] if found["evidence"].get("hunks"))
    many = {**conflict, "evidence": {"hunks": conflict["evidence"]["hunks"] * (HUNKS_MAX + 50)}}
    source = render_report({**record, "findings": [many]})
    assert source.count('class="hunk"') == HUNKS_MAX
    assert "more hunks are in the record" in source


# The picture


def picture_record(pairs: set[tuple[int, int]], merged: set[int]) -> dict[str, Any]:
    names = sorted({each for pair in pairs for each in pair})
    return {
        "bundles": [{"bundle_id": f"b-{n:02}", "owner": f"owner-{n}"} for n in names],
        "decisions": [
            {"bundle_id": f"b-{n:02}", "action": "merge" if n in merged else "rebase"}
            for n in names
        ],
        "edges": [
            {"left": f"b-{a:02}", "right": f"b-{b:02}", "kind": "content", "paths": ["a"]}
            for a, b in sorted(pairs)
        ],
    }


@settings(max_examples=100, deadline=None)
@given(
    st.sets(
        st.tuples(st.integers(0, 14), st.integers(0, 14)).filter(lambda p: p[0] < p[1]), min_size=1
    ),
    st.sampled_from([WIDE, NARROW]),
)
def test_nothing_in_the_picture_covers_another(pairs: set[tuple[int, int]], frame: Frame) -> None:
    merged: set[int] = set()
    for n in range(15):
        if not any(other in merged for pair in pairs if n in pair for other in pair):
            merged.add(n)
    picture = draw(read_review(picture_record(pairs, merged)), frame)
    assert picture.boxes_left_out == 0
    for index, box in enumerate(picture.boxes):
        assert 0 <= box.x <= box.x + box.width <= frame.width
        assert 0 <= box.y <= box.y + box.height <= picture.height
        for other in picture.boxes[index + 1 :]:
            assert (
                box.x + box.width <= other.x
                or other.x + other.width <= box.x
                or box.y + box.height <= other.y
                or other.y + other.height <= box.y
            )
    places = sorted((line.anchor, line.label_y) for line in picture.lines)
    for (anchor, high), (next_anchor, low) in pairwise(places):
        assert anchor != next_anchor or low - high >= 12, "two labels stand on one another"
    left = {box.bundle.bundle_id for box in picture.boxes if box.x < frame.width / 4}
    assert {box.bundle.bundle_id for box in picture.boxes if box.bundle.action == "merge"} <= left
    assert not any({line.pair.left, line.pair.right} <= left for line in picture.lines)
    if frame is WIDE:
        assert len(picture.lines) == len(pairs)


def test_a_crowd_is_drawn_in_part_and_said_so() -> None:
    pairs = {(a, b) for a in range(80) for b in range(a + 1, min(a + 4, 80))}
    review = picture_record(pairs, {0})
    picture = draw(read_review(review), WIDE)
    assert picture.boxes_left_out == 20
    assert "left out here" in page_of(review).text


# Words, colours, markup


def test_changed_words_are_marked() -> None:
    old, new = changed_words(["    return a + b", "same"], ["    return a - bee", "same"])
    assert [["    return a + b"[slice(*each)] for each in line] for line in old] == [["+", "b"], []]
    assert [["    return a - bee"[slice(*each)] for each in line] for line in new] == [
        ["-", "bee"],
        [],
    ]


def test_nothing_is_marked_where_everything_changed() -> None:
    assert changed_words(["one two three"], ["4 5 6"]) == ([[]], [[]])


lines = st.lists(st.text("ab \t()\u00e9\u4e00", max_size=12), max_size=5)


@given(lines, lines)
def test_what_is_not_marked_is_on_both_sides(old: list[str], new: list[str]) -> None:
    def kept(texts: list[str], marks: list[list[tuple[int, int]]]) -> str:
        whole = ""
        for line, stretches in zip(texts, marks, strict=True):
            marked = {place for start, end in stretches for place in range(start, end)}
            whole += "".join(c for place, c in enumerate(line) if place not in marked)
        return re.sub(r"\s", "", whole)

    gone, added = changed_words(old, new)
    if any(gone) or any(added):
        assert kept(old, gone) == kept(new, added)


@given(st.sampled_from(["a.py", "b.ts", "c.json", "Makefile", "d.sh"]), lines)
def test_colours_lie_within_their_lines(path: str, texts: list[str]) -> None:
    for line, colours in zip(texts, coloured(path, texts), strict=True):
        assert all(0 <= start < end <= len(line) for start, end, _ in colours)


def test_markup_is_escaped_once_and_links_stay() -> None:
    assert element("p", "<b>", title='"') == '<p title="&quot;">&lt;b&gt;</p>'
    assert element("p", Html("<b>x</b>")) == "<p><b>x</b></p>"
    assert sentence("run `a<b` now") == "run <code>a&lt;b</code> now"
    assert sentence("one ` tick") == "one ` tick"
    with pytest.raises(ValueError, match="leaves the page"):
        element("a", "x", href="javascript:alert(1)")


# Contrast (WCAG 2.2, 1.4.3)

PAIRS = [
    *((text, ground) for text in ("ink", "quiet", "link") for ground in ("page", "card", "sunk")),
    *((action, f"{action}-soft") for action in (*ACTIONS, "undecided")),
    *((action, "card") for action in (*ACTIONS, "undecided")),
    *(("ink", f"{action}-soft") for action in ACTIONS),
    *(("link", f"{action}-soft") for action in (*ACTIONS, "undecided")),
    *(
        (text, ground)
        for text in ("ink", "key", "str", "com", "num", "def")
        for ground in ("gone", "new", "gone-word", "new-word")
        if not (text == "com" and ground.endswith("word"))
    ),
]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(scheme: str, text: str, ground: str) -> None:
    light, dark = style().split("@media (prefers-color-scheme: dark)", 1)
    block = light if scheme == "light" else dark.partition("* {")[0]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    one, two = sorted((luminance(colours[text]), luminance(colours[ground])))
    contrast = (two + 0.05) / (one + 0.05)
    assert contrast >= 4.5, f"{text} on {ground}: {contrast:.2f}"


# The recording


@pytest.mark.slow
def test_a_review_still_has_the_form_of_the_recording(
    record: dict[str, Any], tmp_path: Path
) -> None:
    made = busy_record(tmp_path / "shop", tmp_path / "home")
    assert made.keys() - {"inputs"} == record.keys(), "run `python -m tests.conflicts.busy_review`"
    for part in ("bundles", "findings", "decisions", "edges", "verification"):
        assert made[part][0].keys() == record[part][0].keys(), part
    assert {each["action"] for each in made["decisions"]} == set(ACTIONS)
    assert made["ledger"]["balanced"]
    page_of(made)
