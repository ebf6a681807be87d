"""What keeps an agent from a file that somebody else has locked, judged by what was seen. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agentd.providers.adapter import Enforcement
from agentd.providers.hook_settings.installation import Found, State
from agentd.providers.hook_settings.probe import Answered

_OLDEST: Final[Mapping[str, tuple[tuple[int, ...], str]]] = {
    "codex": ((0, 169, 0), "the oldest that was measured"),
    "claude_code": ((1, 0, 38), "the first that has hooks"),
    "gemini": ((0, 61, 0), "the oldest that was measured"),
    "qwen": ((0, 15, 10), "the oldest that was measured"),
}
"""Below these versions nothing is known."""
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True, slots=True)
class Probed:
    """An installed command line, and what it answered."""

    line: str
    held: Answered
    """To a write of a file that somebody else holds."""
    free: Answered
    """To a write of a file that is in no repository."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is of an agent's program and its hook."""

    provider: str
    version: str
    """What the program says; empty where it says nothing."""
    settings: tuple[Found, ...]
    holder: str
    """Who held the file of the probe."""
    probes: tuple[Probed, ...] = ()
    no_daemon: str = ""
    """Why nothing could be probed."""
    codex_runs: Mapping[str, bool] | None = None
    """What Codex says of our hooks, by its key."""
    codex_silent: str = ""
    """Why it does not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The level, and what it rests on."""

    level: Enforcement
    evidence: tuple[str, ...]


def judge(seen: Seen) -> Verdict:
    """The enforcement level of an installed program."""
    installed = [found for found in seen.settings if found.is_there]
    evidence = [_setting(found) for found in seen.settings if found.state is not State.ABSENT]
    if not installed:
        files = " and ".join(str(found.path) for found in seen.settings)
        evidence.append(
            f"its hook is not installed in {files}; run: agentd-coord hooks install {seen.provider}"
        )
        return Verdict(Enforcement.NONE, tuple(evidence))
    against = [*_too_old(seen), *_skipped(seen, installed)]
    if seen.no_daemon:
        against.append(f"{seen.no_daemon}: start the daemon with `agentd`")
    if against:
        return Verdict(Enforcement.NONE, (*evidence, *against))
    levels = [_probed(probe, seen.holder) for probe in seen.probes]
    evidence += [text for _, text in levels]
    if seen.codex_runs:
        evidence.append("Codex says that it runs the hook")
    worst = max((level for level, _ in levels), key=_ORDER.index, default=Enforcement.NONE)
    if seen.provider == "antigravity" and worst is Enforcement.GUARDED:
        evidence.append("not every version of Antigravity runs its hooks, and none was tried")
        worst = Enforcement.ADVISORY
    return Verdict(worst, tuple(evidence))


def judge_own_locks(why: str, *, is_advisory: bool, no_daemon: str) -> Verdict:
    """The enforcement level of a program that takes its locks by itself.

    `why`: what that rests on; `is_advisory`: the policy is; `no_daemon`: why there is none.
    """
    if no_daemon:
        evidence = (why, f"{no_daemon}: start the daemon with `agentd`")
        return Verdict(Enforcement.NONE, evidence)
    if is_advisory:
        evidence = (
            why,
            "the policy is advisory: it is told who holds a file, and writes all the same",
        )
        return Verdict(Enforcement.ADVISORY, evidence)
    return Verdict(Enforcement.GUARDED, (why,))


_ORDER: Final = [Enforcement.GUARDED, Enforcement.ADVISORY, Enforcement.NONE]


def version_numbers(text: str) -> tuple[int, ...] | None:
    """The first version in what a program says of itself."""
    found = _NUMBER.search(text)
    return tuple(int(part) for part in found[0].split(".")) if found else None


def _setting(found: Found) -> str:
    detail = f" ({found.detail})" if found.detail else ""
    return f"{found.path}: {found.state.value}{detail}"


def _too_old(seen: Seen) -> list[str]:
    oldest, why = _OLDEST.get(seen.provider, ((), ""))
    numbers = version_numbers(seen.version)
    if numbers is None or numbers >= oldest or seen.codex_runs:
        return []
    known = ".".join(map(str, oldest))
    return [f"version {seen.version} is older than {known}, {why}: bring it up to date"]


def _skipped(seen: Seen, installed: Sequence[Found]) -> list[str]:
    """Why Codex would not run the hook."""
    if seen.provider != "codex":
        return []
    if seen.codex_silent:
        return [f"Codex does not say whether it runs the hook: {seen.codex_silent}"]
    if seen.codex_runs is None:
        untrusted = any(found.state is State.UNTRUSTED for found in installed)
        return ["Codex skips the hook; install it again"] if untrusted else []
    if not any(seen.codex_runs.values()):
        return ["Codex skips the hook: it is not trusted, not enabled, or the folder is not"]
    return []


def _probed(probe: Probed, holder: str) -> tuple[Enforcement, str]:
    took = f"in {probe.held.seconds * 1000:.0f} ms"
    names_holder = holder in probe.held.text
    if probe.free.refused:
        return Enforcement.NONE, f"its hook refuses everything: {probe.free.text}"
    if probe.held.refused and names_holder:
        return Enforcement.GUARDED, f"its hook refused a file that {holder} held, {took}"
    if names_holder:
        return Enforcement.ADVISORY, f"its hook told of {holder}, and refused nothing, {took}"
    return Enforcement.NONE, f"its hook let a write through that {holder} held: {probe.held.text}"
