"""Whether commits are usually quick: the rule alone, told how long they take."""

from __future__ import annotations

import pytest

from agentd.core.quick_commits import QUICK_SECS, TRUSTED_FROM, QuickCommits

QUICK, SLOW = QUICK_SECS / 2, QUICK_SECS * 2


def after(*commits: float) -> QuickCommits:
    rule = QuickCommits()
    for secs in commits:
        rule.committed(secs)
    return rule


@pytest.mark.parametrize(
    ("commits", "usual"),
    [
        ([], False),
        ([QUICK] * (TRUSTED_FROM - 1), False),
        ([QUICK] * TRUSTED_FROM, True),
        ([QUICK_SECS] * 100, False),
        ([QUICK] * 100 + [SLOW], True),
        ([QUICK] * 100 + [SLOW] * 2, False),
        ([QUICK] * TRUSTED_FROM + [SLOW], False),
        ([QUICK] * 100 + [SLOW] * 50 + [QUICK] * (TRUSTED_FROM - 1), False),
        ([QUICK] * 100 + [SLOW] * 50 + [QUICK] * TRUSTED_FROM, True),
        ([QUICK] * 100 + ([SLOW] + [QUICK] * 30) * 9, True),
        ([QUICK, SLOW] * 100, False),
    ],
)
def test_commits_are_trusted_after_many_quick_ones(commits: list[float], usual: bool) -> None:
    assert after(*commits).are_usual is usual


def test_nothing_is_trusted_after_a_commit_that_failed() -> None:
    rule = after(*[QUICK] * 100)
    rule.failed()
    assert not rule.are_usual
