"""The report in a real browser: nothing runs, nothing is loaded, and it fits every window."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.conflicts.report.page import render_report
from tests.browser.chromium import Chromium, find_chromium, running_chromium
from tests.conflicts.busy_review import recorded
from tests.conflicts.hostile_record import hostile

PROGRAM = find_chromium()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")

CANARY = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
DESKTOP, PHONE = 1280, 360


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """One browser for all tests."""
    assert PROGRAM is not None
    with (
        tempfile.TemporaryDirectory(prefix="agentd-", ignore_cleanup_errors=True) as directory,
        running_chromium(PROGRAM, Path(directory)) as browser,
    ):
        yield browser


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The report of a review in which much happens."""
    return written(tmp_path, recorded())


def written(directory: Path, record: dict[str, Any]) -> Path:
    file = directory / "review.html"
    file.write_text(render_report(record), encoding="utf-8")
    return file


def test_the_canary_sings_where_scripts_run(chromium: Chromium, tmp_path: Path) -> None:
    file = tmp_path / "open.html"
    file.write_text(f"<!DOCTYPE html><title>free</title>{CANARY}")
    chromium.show(file, width=DESKTOP)
    assert chromium.evaluate("document.title") == "taken"


def test_the_policy_alone_would_stop_what_slipped_through(chromium: Chromium, report: Path) -> None:
    page = report.read_text()
    report.write_text(page.replace("<main>", f"<main>{CANARY}"))
    chromium.show(report, width=DESKTOP)
    assert chromium.evaluate("document.title").startswith("Review 3f2a91c0")
    assert any("Content Security Policy" in each for each in chromium.disturbances())


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_hostile_record_stays_text(
    chromium: Chromium, tmp_path: Path, everywhere: bool, width: int
) -> None:
    record = hostile(recorded(), everywhere=everywhere)
    chromium.show(written(tmp_path, record), width=width)
    chromium.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert chromium.evaluate("document.title").startswith("Review ")
    assert chromium.disturbances() == []
    assert [each for each in chromium.requests() if not each.startswith("file:")] == []
    strangers = "script, img, iframe, form, input, base, link, object, embed, [onload], [style]"
    assert chromium.evaluate(f"document.querySelectorAll({strangers!r}).length") == 0
    assert chromium.evaluate("document.querySelectorAll('style').length") == 1
    assert chromium.evaluate("document.body.innerText").count("<script>") > 3
    assert overflow(chromium) == 0


@pytest.mark.parametrize("width", [320, PHONE, 600, 800, DESKTOP, 1920])
def test_it_fits_the_window(chromium: Chromium, report: Path, width: int) -> None:
    chromium.show(report, width=width)
    assert overflow(chromium) == 0
    assert chromium.disturbances() == []
    assert chromium.requests() == [report.as_uri()]
    shown = [name for name in ("wide", "narrow") if visible(chromium, f".graph svg.{name}")]
    assert shown == ["narrow" if width < 736 else "wide"]


def overflow(chromium: Chromium) -> int:
    """By how many pixels the page is wider than its window."""
    root = "document.documentElement"
    found: int = chromium.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
    return found


def visible(chromium: Chromium, selector: str) -> bool:
    """Whether the first such element takes any room."""
    found: bool = chromium.evaluate(
        f"document.querySelector({selector!r}).getBoundingClientRect().height > 0"
    )
    return found


@pytest.mark.parametrize("width", [320, PHONE, 600, 800, DESKTOP])
def test_the_words_of_a_table_stay_in_one_piece(
    chromium: Chromium, report: Path, width: int
) -> None:
    """A column as narrow as a letter can be seen, but not read."""
    chromium.show(report, width=width)
    chromium.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    lines = "[...document.querySelectorAll('#findings .chip')].map(each => each.offsetHeight)"
    heights = chromium.evaluate(lines)
    assert len(heights) > 10
    assert max(heights) < 30
    text = "[...document.querySelectorAll('#findings td:last-child')].map(each => each.offsetWidth)"
    assert min(chromium.evaluate(text)) > 200


def test_no_label_of_the_picture_leaves_its_place(chromium: Chromium, report: Path) -> None:
    for width in (PHONE, DESKTOP):
        chromium.show(report, width=width)
        covered = chromium.evaluate(
            """(() => {
              const svg = [...document.querySelectorAll('.graph svg')]
                .find(each => each.getBoundingClientRect().height > 0);
              const boxes = [...svg.querySelectorAll('rect')].map(e => e.getBoundingClientRect());
              const labels = [...svg.querySelectorAll('.edge text')];
              return labels.filter(label => {
                const a = label.getBoundingClientRect();
                return boxes.some(b => a.left < b.right && b.left < a.right
                                    && a.top < b.bottom && b.top < a.bottom);
              }).map(label => label.textContent);
            })()"""
        )
        assert covered == []


def test_dark_follows_the_reader_s_choice(chromium: Chromium, report: Path) -> None:
    grounds = []
    for dark in (False, True):
        chromium.show(report, width=DESKTOP, dark=dark)
        ground = chromium.evaluate("getComputedStyle(document.body).backgroundColor")
        grounds.append(sum(int(part) for part in ground[4:-1].split(",")))
    assert grounds[0] > 600
    assert grounds[1] < 120


def test_it_needs_no_scripts(chromium: Chromium, report: Path) -> None:
    heights = []
    for scripts in (True, False):
        chromium.show(report, width=DESKTOP, scripts=scripts)
        heights.append(chromium.call("Page.getLayoutMetrics")["cssContentSize"]["height"])
    assert heights[0] == heights[1] > 3_000


def test_print_opens_what_is_folded(chromium: Chromium, report: Path) -> None:
    chromium.show(report, width=DESKTOP)
    output = "details:not([open]) .output"
    closed = chromium.evaluate(f"document.querySelector({output!r}).checkVisibility()")
    chromium.call("Emulation.setEmulatedMedia", media="print")
    printed = chromium.evaluate(
        f"document.querySelector({output!r}).getBoundingClientRect().height"
    )
    assert not closed
    assert printed > 20
    assert not visible(chromium, "nav")


def test_what_a_screen_reader_hears(chromium: Chromium, report: Path) -> None:
    chromium.show(report, width=DESKTOP)
    chromium.call("Accessibility.enable")
    nodes = chromium.call("Accessibility.getFullAXTree")["nodes"]
    heard = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    ]
    names = {role: [name for each, name in heard if each == role] for role, _ in heard}
    assert "Parts of the report" in names["navigation"]
    assert any(name.startswith("Conflict graph: ") for name in names["group"])
    assert "codex-retry: merge" in names["link"]
    assert "src/orders.py" in names["rowheader"]
    assert len(names["columnheader"]) > 10
    unnamed = [each for each in heard if each[0] in ("link", "heading", "region") and not each[1]]
    assert unnamed == []
