"""A run from the moment when everything is known: locks, program, journal, and what it changed."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from agentd.cli.ending_signals import cancelled_by_signals
from agentd.cli.exit_codes import ExitCode
from agentd.cli.out_files import write_whole
from agentd.cli.run_place import RunPlace
from agentd.cli.run_view import RunView
from agentd.client.async_client import AsyncClient
from agentd.conflicts.bundles.run_bundle import RunChange, change_of_run
from agentd.conflicts.bundles.worktree_snapshot import Snapshot, take_snapshot
from agentd.conflicts.record import printable as valid_text
from agentd.errors import AgentdError
from agentd.paths import prepare_directory
from agentd.providers.adapter import Agent, Assignment, Enforcement, Way
from agentd.providers.agent_events import AgentEvent, Refusal, event_to_json
from agentd.providers.agent_run import Run, RunEnd, run_agent
from agentd.providers.chronicle import Chronicle
from agentd.providers.lock_gate import LockGate, Policy, Session
from agentd.providers.needs import Needs
from agentd.providers.outcome import Ended, Outcome, Tally
from agentd.providers.prices import price_of_model
from agentd.providers.run_journal import RunJournal
from agentd.settings import Settings, process_environment

_REFUSALS_HANDED_IN_MAX = 5
_EXIT_CODES: Mapping[Ended, ExitCode] = {
    Ended.DONE: ExitCode.OK,
    Ended.REFUSED: ExitCode.SOMETHING_REFUSED,
    Ended.FAILED: ExitCode.FAILED,
}


@dataclass(slots=True, kw_only=True)
class RunSession:
    """One run."""

    settings: Settings
    agent: Agent
    way: Way
    place: RunPlace
    assignment: Assignment
    view: RunView
    timeout_secs: float | None
    stall_secs: float
    out: Path | None
    _tally: Tally = field(default_factory=Tally)
    _refusals: asyncio.Queue[Refusal] = field(default_factory=asyncio.Queue)
    _needs: Needs = field(init=False)
    _interrupted: str = ""
    """Why it was ended before its time."""

    def __post_init__(self) -> None:
        self._needs = Needs(self.agent.adapter.log_in)

    async def run(self) -> ExitCode:
        """Runs the agent, hands in what it changed, and says how that went."""
        workplace = self.place.workplace
        before = take_snapshot(workplace.quarantine, self.place.top, workplace.repository)
        locks = self._locks(before)
        client = AsyncClient(self.settings.socket_path)
        gate = LockGate(client, locks, now=time.time, tell=self._heard)
        journal = RunJournal(client, locks)
        try:
            await self._begin(journal, client)
            async with self._kept_alive(gate, journal):
                end = await self._followed(gate)
            outcome = self._outcome(end)
            await self._finish(before, client, gate, journal, outcome)
        finally:
            await client.close()
        return ExitCode.INTERRUPTED if self._interrupted else _EXIT_CODES[outcome.ended]

    def _locks(self, before: Snapshot) -> Session:
        return Session(
            owner=self.assignment.session,
            provider=self.agent.name,
            worktree=self.place.top,
            namespace=self.place.workplace.repository.namespace,
            intent=self.assignment.intent,
            base_revision=f"git:{before.head}",
            ttl_secs=self.settings.hook_lock_secs,
            policy=Policy(self.settings.hook_policy),
        )

    @property
    def _is_guarded(self) -> bool:
        return self.way.enforcement is Enforcement.GUARDED

    async def _begin(self, journal: RunJournal, client: AsyncClient) -> None:
        context = {"agent": self.agent.name, "worktree": str(self.place.top)}
        try:
            await client.connect()
            await journal.begin(self.assignment.prompt, valid_text(context))
        except AgentdError as error:
            if error.reason != "daemon_unreachable":
                raise
            if self.settings.hook_policy != Policy.STRICT:
                self.view.say(
                    f"no daemon answers at {self.settings.socket_path}: nothing is guarded"
                )
                self.way = replace(
                    self.way, enforcement=Enforcement.NONE, why="no daemon keeps locks"
                )
        if self.settings.hook_policy == Policy.ADVISORY and self._is_guarded:
            why = "the policy is advisory"
            self.way = replace(self.way, enforcement=Enforcement.ADVISORY, why=why)
        guard = f"{self.way.enforcement.value}: {self.way.why}"
        self.view.say(f"{self.assignment.session} runs {self.agent.adapter.title} ({guard})")

    @contextlib.asynccontextmanager
    async def _kept_alive(self, gate: LockGate, journal: RunJournal) -> AsyncIterator[None]:
        """Keeps the leases of locks and node alive meanwhile, and journals what is refused."""

        async def journal_refusals() -> None:
            while True:
                refusal = await self._refusals.get()
                with contextlib.suppress(AgentdError):  # The view has shown it.
                    await journal.refused(refusal)
                self._refusals.task_done()

        tasks = [
            asyncio.create_task(each) for each in (gate.keep(), journal.keep(), journal_refusals())
        ]
        try:
            yield
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._refusals.join(), 5)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _followed(self, gate: LockGate) -> RunEnd:
        log_path = self.settings.home_layout.logs / f"run-{_file_name(self.assignment.session)}.log"
        with Chronicle(log_path, self._heard) as chronicle:
            run = Run(
                agent=self.agent,
                way=self.way,
                assignment=self.assignment,
                environment=process_environment(),
                gate=gate,
                chronicle=chronicle,
                timeout_secs=self.timeout_secs,
                stall_secs=self.stall_secs,
            )
            try:
                with cancelled_by_signals():
                    end = await run_agent(run)
            except OSError as error:  # Nobody hears what it says. All that it started has ended.
                self._interrupted = f"what it says could not be written: {error.strerror}"
                end = RunEnd(-2, ())
            except asyncio.CancelledError:  # Ctrl-C or the like, with the same end.
                self._interrupted = "it was interrupted"
                current = asyncio.current_task()
                assert current is not None
                current.uncancel()
                end = RunEnd(-2, ())
        for warning in end.warnings:
            self.view.say(f"{warning}; {log_path} has them")
        return end

    def _heard(self, event: AgentEvent) -> None:
        if isinstance(event, Refusal):
            self._refusals.put_nowait(event)
        for each in self._needs.taken_in(event):
            self._tally.add(each)
            self.view.event(each)

    def _outcome(self, end: RunEnd) -> Outcome:
        if self._interrupted:
            return Outcome(Ended.FAILED, self._interrupted)
        return self._tally.outcome(end.exit_code, says_result=self.agent.adapter.says_result)

    async def _finish(
        self,
        before: Snapshot,
        client: AsyncClient,
        gate: LockGate,
        journal: RunJournal,
        outcome: Outcome,
    ) -> None:
        own, others = await self._lock_holders(client)
        workplace = self.place.workplace
        change = change_of_run(
            workplace,
            before,
            self.place.top,
            own=own,
            others=others,
            locks_all=self._is_guarded,
        )
        self.view.warn_of(change)
        if outcome.ended is not Ended.FAILED:
            self._needs.ended_well()
        summary = self._summary(outcome, change)
        await self._hand_in(journal, outcome, change, summary)
        changed = change.bundle["touched_paths"] if self.place.is_shared else []
        await gate.release(without=frozenset(f"file:{path}" for path in changed))
        with contextlib.suppress(AgentdError):  # Without a daemon, or one that lost patience.
            await journal.end(outcome, summary)
        self.view.ended(outcome, summary)

    async def _lock_holders(self, client: AsyncClient) -> tuple[list[str] | None, list[str]]:
        """The keys that the session and that others have locked.

        None for the session's where nobody else has any: then nobody else is at work here.
        """
        if not self.place.is_shared:
            return None, []
        namespace = self.place.workplace.repository.namespace
        try:
            listed = [
                lock
                for each in (namespace, "")
                for lock in (await client.list_resource_locks(namespace=each)).locks
            ]
        except AgentdError as error:
            if error.reason != "daemon_unreachable":
                raise
            return None, []
        owner = self.assignment.session
        own = [lock.resource_key for lock in listed if lock.owner == owner]
        others = [lock.resource_key for lock in listed if lock.owner != owner]
        return (own if others else None), others

    def _summary(self, outcome: Outcome, change: RunChange) -> dict[str, Any]:
        tally = self._tally
        summary = {
            "owner": self.assignment.session,
            "agent": self.agent.name,
            "ended": outcome.ended.value,
            "why": outcome.why,
            "refusals": [refusal.text for refusal in tally.refusals],
            "needs": [event_to_json(each) for each in self._needs.told],
            "conversation": tally.conversation,
            "model": tally.model,
            "usage": tally.usage.to_json(),
            "cost_usd": self._cost(),
            "changed_paths": change.bundle["touched_paths"],
            "enforcement": self.way.enforcement.value,
        }
        printable: dict[str, Any] = valid_text(summary)
        return printable

    def _cost(self) -> float | None:
        tally = self._tally
        if tally.cost_usd is not None or not tally.model:
            return tally.cost_usd
        price = price_of_model(tally.model, datetime.now(UTC))
        if price is None:
            return None
        return price.cost_usd(
            input_tokens=tally.usage.prompt_tokens,
            output_tokens=tally.usage.completion_tokens,
            cached_tokens=tally.usage.cached_tokens,
        )

    async def _hand_in(
        self, journal: RunJournal, outcome: Outcome, change: RunChange, summary: dict[str, Any]
    ) -> None:
        """Hands the bundle in: as an event of the run's task, or to a file where no daemon is."""
        if change.made.is_empty:
            self.view.say("it changed nothing of its own")
            return
        bundle = {**change.bundle, **self._said()}
        if "patch" not in bundle:
            bundle["worktree"] = str(self.place.top)
        paths = ", ".join(bundle["touched_paths"][:5])
        if outcome.ended is Ended.FAILED:
            self.view.say(
                f"it left a change in {self.place.top} ({paths}), which is not handed in; "
                "`agentd-coord bundle` does that"
            )
        else:
            seq = await journal.hand_in({**bundle, "run": summary})
            if seq is not None:
                self.view.say(f"handed in as event {seq}: {bundle['diff_summary']} ({paths})")
                self.view.say("next: agentd-coord review")
        kept = self.out
        if kept is None and not journal.task_id:
            directory = self.settings.home_layout.bundles
            prepare_directory(directory)
            kept = directory / f"{_file_name(self.assignment.session)}.json"
        if kept is not None:
            write_whole(kept, orjson.dumps(bundle, option=orjson.OPT_INDENT_2) + b"\n")
            self.view.say(f"wrote {kept}; next: agentd-coord review --bundle {kept}")

    def _said(self) -> dict[str, Any]:
        """What is said about the change beside the change itself."""
        refusals = [refusal.text for refusal in self._tally.refusals[:_REFUSALS_HANDED_IN_MAX]]
        said: dict[str, Any] = {
            "owner": self.assignment.session,
            "provider": self.agent.name,
            "namespace": self.place.workplace.repository.namespace,
            "intent": self.assignment.intent,
            "conflicts": refusals,
            "enforcement": self.way.enforcement.value,
        }
        return {name: value for name, value in valid_text(said).items() if value}


def _file_name(owner: str) -> str:
    """An owner's name as a part of a file's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", owner)[:100]
