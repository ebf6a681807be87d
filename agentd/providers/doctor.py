"""Examines the agents' programs that are installed: what holds each back from a locked file.

It runs what their settings would run, against the daemon, in a repository made for it, asks each
program for its version, and Codex which hooks it trusts. It writes nothing of the user's itself.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from agentd.errors import AgentdError
from agentd.providers.adapter import Agent, Enforcement
from agentd.providers.enforcement import Probed, Seen, Verdict, judge, judge_own_locks
from agentd.providers.hook_settings.codex_says import CodexSilent, trust_of_our_hooks
from agentd.providers.hook_settings.entries import VENDORS, Scope
from agentd.providers.hook_settings.hook_command import HookCommand
from agentd.providers.hook_settings.installation import Found, Place, look
from agentd.providers.hook_settings.probe import (
    Answered,
    ask,
    edit_payload,
    lines_before_tools,
    unsupervised,
)
from agentd.providers.lock_gate import Policy
from agentd.providers.program_version import version_of
from agentd.providers.registry import installed_program

HOLDER: Final = "agentd-doctor"
_LOCK_SECS: Final = 60
_TRIES_MAX: Final = 3
"""A hook has a second; on a busy machine one is late now and then."""


class Daemon(Protocol):
    """Whoever passes a call on to the daemon; agentd's own blocking client is one."""

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """The result of a method of the wire protocol, as plain JSON values."""
        ...


@dataclass(frozen=True, slots=True)
class Examined:
    """An agent, and what was found out about it."""

    agent: Agent
    program: str | None
    """Where its program is; None: it is not installed."""
    version: str
    settings: tuple[Found, ...]
    verdict: Verdict | None
    """None where there is no program."""


@dataclass(frozen=True, slots=True)
class Ward:
    """Where agents are examined."""

    place: Place
    scopes: Sequence[Scope]
    command: HookCommand
    daemon: Daemon | None
    no_daemon: str = ""
    """Why there is none."""

    def examine(self, agent: Agent) -> Examined:
        """An agent's program, its settings, and what its hook answers."""
        program = installed_program(agent, self.place.variables.get("PATH"))
        vendor = VENDORS.get(agent.adapter.name)
        settings = (
            tuple(look(vendor.provider, scope, self.place, self.command) for scope in self.scopes)
            if vendor is not None
            else ()
        )
        if program is None:
            return Examined(agent, None, "", settings, None)
        version = version_of(agent, [program, *agent.command[1:]], self.place.variables)
        if vendor is None:
            return Examined(agent, program, version, (), self._without_hook(agent, program))
        seen = self._seen(vendor.provider, version, settings, program)
        return Examined(agent, program, version, settings, judge(seen))

    def _without_hook(self, agent: Agent, program: str) -> Verdict:
        why = agent.adapter.ways[0].why
        is_known = Path(program).name == agent.adapter.program  # The user may have put in another.
        if agent.adapter.locks_itself and is_known:
            is_advisory = self.command.policy == Policy.ADVISORY
            return judge_own_locks(why, is_advisory=is_advisory, no_daemon=self.no_daemon)
        return Verdict(Enforcement.NONE, ("agentd has no hook for it", why))

    def _seen(self, provider: str, version: str, settings: tuple[Found, ...], program: str) -> Seen:
        lines = dict.fromkeys(
            line for found in settings for line in lines_before_tools(found.groups or {})
        )
        runs: dict[str, bool] | None = None
        silent = ""
        if provider == "codex" and lines:
            try:
                runs = trust_of_our_hooks([program], self.place.project, self.place.variables)
            except CodexSilent as error:
                silent = str(error)
        probes: tuple[Probed, ...] = ()
        if self.daemon is not None:
            probes = tuple(self._probe(provider, line, self.daemon) for line in lines)
        return Seen(
            provider,
            version,
            settings,
            HOLDER,
            probes,
            no_daemon=self.no_daemon,
            codex_runs=runs,
            codex_silent=silent,
        )

    def _probe(self, provider: str, line: str, daemon: Daemon) -> Probed:
        """Has a hook asked about a file that is held, and about one that is in no repository."""
        environment = unsupervised(self.place.variables)
        with tempfile.TemporaryDirectory(prefix="agentd-doctor-") as name:
            top = Path(name).resolve()
            repository = top / "repository"
            for part in ("objects", "refs"):
                (repository / ".git" / part).mkdir(parents=True)
            (repository / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
            lock = daemon.call(
                "AcquireResourceLock",
                {
                    "resource_key": "file:held.txt",
                    "namespace": str(repository),
                    "owner": HOLDER,
                    "provider": "agentd",
                    "ttl_secs": _LOCK_SECS,
                    "metadata": {"purpose": "agentd-coord doctor tries a hook"},
                },
            )
            try:
                session = f"doctor-{uuid.uuid4()}"

                def written(path: Path) -> Answered:
                    payload = edit_payload(provider, session, repository, path)
                    return ask(line, payload, repository, environment)

                held = _settled(
                    lambda: written(repository / "held.txt"), lambda said: HOLDER in said.text
                )
                free = _settled(lambda: written(top / "free.txt"), lambda said: not said.refused)
            finally:
                released = {"resource_key": "file:held.txt", "lease_id": lock["lease_id"]}
                with suppress(AgentdError):
                    daemon.call("ReleaseResourceLock", released)
        return Probed(line, held, free)


def _settled(ask_once: Callable[[], Answered], is_right: Callable[[Answered], bool]) -> Answered:
    """The first answer that is right; the last one where none is."""
    said = ask_once()
    for _ in range(_TRIES_MAX - 1):
        if is_right(said):
            break
        said = ask_once()
    return said
