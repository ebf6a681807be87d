"""The level of enforcement is what was seen, and never what was hoped for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agentd.providers.adapter import Enforcement
from agentd.providers.enforcement import (
    Probed,
    Seen,
    judge,
    judge_own_locks,
    version_numbers,
)
from agentd.providers.hook_settings.entries import Scope
from agentd.providers.hook_settings.installation import Found, State
from agentd.providers.hook_settings.probe import Answered

REFUSED = Answered(True, "held by agentd-doctor", 0.04)
SILENT = Answered(False, "exit code 0, no output", 0.04)
TOLD = Answered(False, "held by agentd-doctor", 0.04)


def found(state: State = State.INSTALLED, scope: Scope = Scope.USER) -> Found:
    return Found("qwen", scope, Path("/home/me/.qwen/settings.json"), state)


def seen(provider: str = "qwen", version: str = "0.15.10") -> Seen:
    """An agent that is guarded."""
    probes = (Probed("hook", REFUSED, SILENT),)
    return Seen(provider, version, (found(),), "agentd-doctor", probes)


def probed(held: Answered, free: Answered = SILENT) -> tuple[Probed, ...]:
    return (Probed("hook", held, free),)


@pytest.mark.parametrize(
    ("case", "level", "evidence"),
    [
        (seen(), Enforcement.GUARDED, "refused a file that agentd-doctor held, in 40 ms"),
        (
            replace(seen(), settings=(found(State.ABSENT),)),
            Enforcement.NONE,
            "agentd-coord hooks install qwen",
        ),
        (
            replace(seen(), settings=(found(State.UNREADABLE),)),
            Enforcement.NONE,
            "settings.json: unreadable",
        ),
        (replace(seen(), probes=probed(TOLD)), Enforcement.ADVISORY, "refused nothing"),
        (replace(seen(), probes=probed(SILENT)), Enforcement.NONE, "let a write through"),
        (
            replace(seen(), probes=probed(REFUSED, Answered(True, "sh: not found", 0.01))),
            Enforcement.NONE,
            "refuses everything: sh: not found",
        ),
        (
            # A refusal for any other reason is no proof that locks count.
            replace(seen(), probes=probed(Answered(True, "no such daemon", 0.01))),
            Enforcement.NONE,
            "no such daemon",
        ),
        (
            replace(seen(), probes=(*probed(REFUSED), *probed(TOLD))),
            Enforcement.ADVISORY,
            "refused nothing",
        ),
        (replace(seen(), no_daemon="no daemon answers"), Enforcement.NONE, "start the daemon"),
        (seen(version="qwen 0.15.9 (x)"), Enforcement.NONE, "older than 0.15.10"),
        (seen(version=""), Enforcement.GUARDED, "refused a file"),
        (seen("antigravity", "1.1"), Enforcement.ADVISORY, "not every version"),
        (
            replace(seen("codex", "0.169.0"), codex_runs={"k": True}),
            Enforcement.GUARDED,
            "Codex says that it runs the hook",
        ),
        (
            replace(seen("codex", "0.150.0"), codex_runs={"k": True}),
            Enforcement.GUARDED,
            "Codex says that it runs the hook",
        ),
        (
            replace(seen("codex", "0.169.0"), codex_runs={"k": False}),
            Enforcement.NONE,
            "Codex skips the hook",
        ),
        (replace(seen("codex", "0.169.0"), codex_runs={}), Enforcement.NONE, "Codex skips"),
        (
            replace(seen("codex", "0.169.0"), codex_silent="it does not answer"),
            Enforcement.NONE,
            "it does not answer",
        ),
    ],
)
def test_level_and_evidence(case: Seen, level: Enforcement, evidence: str) -> None:
    verdict = judge(case)
    assert verdict.level is level
    assert any(evidence in text for text in verdict.evidence), verdict.evidence


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("codex-cli 0.169.0", (0, 169, 0)),
        ("2.1.295 (Claude Code)", (2, 1, 295)),
        ("v1.2", (1, 2)),
        ("seven", None),
        ("", None),
    ],
)
def test_versions(text: str, numbers: tuple[int, ...] | None) -> None:
    assert version_numbers(text) == numbers


@pytest.mark.parametrize(
    ("is_advisory", "no_daemon", "level"),
    [
        (False, "", Enforcement.GUARDED),
        (True, "", Enforcement.ADVISORY),
        (False, "no daemon answers", Enforcement.NONE),
        (True, "no daemon answers", Enforcement.NONE),
    ],
)
def test_who_locks_by_itself_needs_a_daemon_that_is_listened_to(
    is_advisory: bool, no_daemon: str, level: Enforcement
) -> None:
    verdict = judge_own_locks("it locks", is_advisory=is_advisory, no_daemon=no_daemon)
    assert verdict.level is level
    assert verdict.evidence[0] == "it locks"
