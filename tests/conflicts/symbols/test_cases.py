"""Each strong level in each language, and beside it the twin that must stay silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.conflicts.symbols.findings import WhichSide
from tests.conflicts.symbols.case_files import DIRECTORY, Case, read_cases
from tests.conflicts.symbols.trees import NAMES, Trees, guard, strong

LANGUAGES = sorted(path.stem for path in DIRECTORY.glob("*.txt"))


@pytest.mark.parametrize(
    ("language", "case"),
    [
        pytest.param(language, case, id=f"{language}: {case.name}")
        for language in LANGUAGES
        for case in read_cases(language)
    ],
)
def test_case(language: str, case: Case, tmp_path: Path) -> None:
    trees = Trees(case.base, tmp_path)
    result = guard(trees, case.left, case.right)
    assert sorted(strong(result)) == sorted(case.wanted), [each.phrase for each in result.findings]
    sides = {WhichSide.LEFT: case.left, WhichSide.RIGHT: case.right}
    for finding in result.blocking:
        assert {finding.change.side, finding.meets.side} == set(WhichSide)
        assert set(WhichSide) <= set(finding.phrase)
        sentence = finding.sentence(NAMES)
        for spot in (finding.change, finding.meets):
            known = [sides[spot.side].get(spot.path), case.base.get(spot.path)]
            lines = [each.count("\n") for each in known if each is not None]
            assert lines, f"{spot.path} is no file of the {spot.side.value} side"
            assert 1 <= spot.line <= max(lines)
            assert f"{spot.path}" in sentence


def test_each_language_has_hits_and_silent_twins() -> None:
    for language in LANGUAGES:
        wanted = [bool(case.wanted) for case in read_cases(language)]
        assert True in wanted
        assert False in wanted
