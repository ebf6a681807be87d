"""The guide to the policy says what the code does."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from agentd.cli.exit_codes import ExitCode
from agentd.conflicts.checks.command_runs import BUNDLE_COMMANDS_MAX, CommandRun, RunStatus, compare
from agentd.conflicts.policy.path_globs import command_matches, path_matches
from agentd.conflicts.policy.policy import CONTROL_PATHS, Policy, parse_policy
from agentd.core.states import DecisionAction

GUIDE = (Path(__file__).parents[2] / "docs" / "conflict-policy.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a line that begins with this text."""
    rest = GUIDE[GUIDE.index("\n" + heading) :]
    lines = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    assert lines is not None
    rows = [line.strip("|").split("|") for line in lines[0].splitlines()]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of the file with its default; `...` for one that must be given."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        inner = next(iter(models_in(field.annotation)), None)
        if inner is None:
            yield path, ... if field.is_required() else field.default
        elif isinstance(field.default, BaseModel):
            yield from keys(inner, f"{path}.")
        else:
            yield path, field.default
            yield from keys(inner, f"{path}[].")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


@pytest.mark.parametrize("text", blocks("toml"))
def test_the_examples_are_policies(text: str) -> None:
    assert parse_policy(text).verification_required


def test_the_full_example_sets_something_in_every_section() -> None:
    example = max(blocks("toml"), key=len)
    assert set(tomllib.loads(example)) == set(Policy.model_fields)


def test_every_key_is_there_with_its_default() -> None:
    told: dict[str, Any] = {}
    for key, default, meaning in table("### Every key"):
        assert meaning
        if default == "unset":
            told[key] = None
        else:
            told[key] = tomllib.loads(f"x = {codes(default)[0]}")["x"] if default else ...
    known = {
        f"`{key}`": list(default) if isinstance(default, tuple) else default
        for key, default in keys(Policy)
    }
    assert told == known
    assert [type(value) for value in told.values()] == [type(known[key]) for key in told]


def test_the_control_files_are_all_named() -> None:
    (listed,) = blocks("text")
    assert tuple(listed.split()) == CONTROL_PATHS


def test_the_globs_match_what_the_guide_says() -> None:
    rows = table("### Globs")
    assert rows
    for glob, matching, others in rows:
        (pattern,) = codes(glob)
        assert [path for path in codes(matching) if not path_matches(pattern, path)] == []
        assert [path for path in codes(others) if path_matches(pattern, path)] == []


def test_the_command_globs_match_what_the_guide_says() -> None:
    assert command_matches("pytest *", "pytest tests/x.py -q")
    assert not command_matches("pytest *", "pytest; curl …")
    assert not command_matches("pytest *", "pytest $(…)")
    assert f"at most {BUNDLE_COMMANDS_MAX} commands" in GUIDE


def test_the_exit_codes_are_those_of_the_command() -> None:
    told = {int(code) for code, _ in table("## Exit codes")}
    elsewhere = {ExitCode.INTERRUPTED, ExitCode.LINES_MEET, ExitCode.LOCKED}
    assert told == set(ExitCode) - elsewhere


def test_the_actions_are_all_explained() -> None:
    assert [codes(action)[0] for action, _ in table("## What becomes")] == list(DecisionAction)


STATUSES: dict[str, list[RunStatus | None]] = {
    "passed": [RunStatus.PASSED],
    "failed or timed out": [RunStatus.FAILED, RunStatus.TIMED_OUT],
    "flaky": [RunStatus.FLAKY],
    "not run, or could not be started": [RunStatus.NOT_RUN, RunStatus.ERROR],
    "(not run)": [None],
}


def test_the_verdicts_are_as_the_table_says() -> None:
    def a_run(status: RunStatus | None) -> CommandRun | None:
        return CommandRun("c", "c", status, "t") if status else None

    for on_combination, on_target, verdict in table("## What a result says"):
        for status in STATUSES[on_combination]:
            for baseline in STATUSES[on_target]:
                run = a_run(status)
                assert run is not None
                assert compare(a_run(baseline), run).verdict == codes(verdict)[0]
