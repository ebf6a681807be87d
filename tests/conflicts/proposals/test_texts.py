"""What is merged in changelogs and other texts, and what must not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conflicts.proposals.merging import Both, check_left_alone, check_merged, merged

MERGED = [
    Both(
        "items of a version",
        "CHANGELOG.md",
        "# Changes\n\n## 2.0\n\n- old\n@\n\n## 1.9\n\n- older\n",
        "- One thing was mended (#12),\n  with a second line.\n",
        "- Another thing entirely is new.\n",
        "- One thing was mended (#12),\n  with a second line.\n- Another thing entirely is new.\n",
    ),
    Both(
        "versions, the newest first",
        "CHANGES.rst",
        "Changes\n=======\n\n@\n1.8\n---\n\n* old\n",
        "1.9\n---\n\n* a first word\n\n",
        "2.0\n---\n\n* another one\n\n",
        "2.0\n---\n\n* another one\n\n1.9\n---\n\n* a first word\n\n",
    ),
    Both(
        "people",
        "AUTHORS",
        "Ada Lovelace\nAlan Turing\n@\nTony Hoare\n",
        "Grace Hopper\n",
        "Edsger Dijkstra\n",
        "Edsger Dijkstra\nGrace Hopper\n",
    ),
    Both(
        "link targets by their numbers",
        "CHANGES.rst",
        ".. _#9: http://a/9\n.. _#10: http://a/10\n@\n.. _#100: http://a/100\n",
        ".. _#90: http://a/90\n",
        ".. _#17: http://a/17\n",
        ".. _#17: http://a/17\n.. _#90: http://a/90\n",
    ),
    Both(
        "items with a section of their own",
        "NEWS.md",
        "# News\n\n## 1.0\n\n### Fixed\n\n- a\n@\n\n### Added\n\n- b\n",
        "- The clock no longer stops\n",
        "- Tell who waits for whom\n\n  and for how long\n",
        "- The clock no longer stops\n- Tell who waits for whom\n\n  and for how long\n",
    ),
]


@pytest.mark.parametrize("case", MERGED, ids=str)
def test_what_both_add_is_kept(case: Both, tmp_path: Path) -> None:
    check_merged(tmp_path, case)


LEFT_ALONE = [
    Both(
        "items with different marks",
        "CHANGES.md",
        "## 1.0\n\n@\n",
        "- Mend the lock of the store\n",
        "* No more races when two hold it\n",
        "different marks",
    ),
    Both(
        "items of different depths",
        "CHANGES.md",
        "## 1.0\n\n@\n",
        "- Mend the lock of the store\n",
        "  - No more races when two hold it\n",
        "different marks",
    ),
    Both(
        "one issue twice",
        "CHANGES.md",
        "## 1.0\n\n- old\n@\n",
        "- Mend the lock (#7)\n",
        "- No more races when two hold it, see #7\n",
        "both add #7",
    ),
    Both(
        "prose",
        "README.md",
        "# A\n\nText.\n@\n",
        "\nMore text.\n",
        "\nOther text.\n",
        "not made of whole entities",
    ),
    Both(
        "numbered items",
        "README.md",
        "1. one\n@\n",
        "2. two\n",
        "2. also\n",
        "not made of whole entities",
    ),
    Both(
        "code in a fence",
        "README.md",
        "```\n- a\n@\n```\n",
        "- b\n",
        "- c\n",
        "not made of whole entities",
    ),
    Both(
        "versions out of order",
        "CHANGES.md",
        "## 1.0\n\n- old\n@\n",
        "\n## 1.1\n\n- new\n",
        "\n## 1.2\n\n- newer\n",
        "the order of the versions",
    ),
    Both(
        "one change in two versions",
        "CHANGES.md",
        "# Changes\n\n@\n## 1.0\n\n- old\n",
        "## 1.2\n\n### Fixed\n\n- The clock no longer stops at noon\n\n",
        "## 1.1\n\n- The clock no longer stops at noon.\n\n",
        "nearly the same",
    ),
    Both(
        "people in no order",
        "AUTHORS",
        "Tony Hoare\nAda Lovelace\n@\n",
        "Grace Hopper\n",
        "Edsger Dijkstra\n",
        "in no order",
    ),
    Both(
        "one person",
        "AUTHORS",
        "Ada Lovelace\n@\n",
        "Grace Hopper\n",
        "grace hopper\n",
        "both add grace hopper",
    ),
]


@pytest.mark.parametrize("case", LEFT_ALONE, ids=str)
def test_what_may_not_be_independent_is_left_alone(case: Both, tmp_path: Path) -> None:
    check_left_alone(tmp_path, case)


def test_items_of_a_last_line_without_end_are_kept_apart(tmp_path: Path) -> None:
    base = "# Changes\n\n- old\n"
    left, right = base + "- The clock no longer stops", base + "- Tell who waits for whom"
    wanted = base + "- The clock no longer stops\n- Tell who waits for whom"
    assert merged(tmp_path, "CHANGES.md", base, left, right) == wanted
