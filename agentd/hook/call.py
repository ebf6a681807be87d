"""One call of the hook, from its payload to its answer.

Raises `HookTrouble` and what the system raises; how such an end is answered is the program's
business.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Final, NamedTuple

from agentd.hook import refusal
from agentd.hook.answers import Answer, no_opinion, refuse, welcome
from agentd.hook.dialects import Moment
from agentd.hook.ending import HookTrouble, NoDaemon
from agentd.hook.locking import Locking, Party, Refusal
from agentd.hook.options import Options, Policy
from agentd.hook.payload import Payload
from agentd.hook.places import Ground, Place, head_commit
from agentd.hook.session_file import KeptLease, SessionFile, sweep
from agentd.hook.tool_calls import written_paths
from agentd.hook.wire import Call, Wire, WireError

KEY_CHARS_MAX: Final = 1024
"""The daemon's limit, without the import of a module for it."""
_FORGOTTEN_SECS: Final = 14 * 24 * 3600
_OWNER_CHARS_MAX: Final = 256


class Visit(NamedTuple):
    """A call, and what it may use."""

    options: Options
    payload: Payload
    search_path: str
    """Where programs are looked for."""
    deadline: float
    """A reading of `time.monotonic`."""
    now: float
    """Unix seconds."""
    client: str
    """The process of the program that calls."""

    def wire(self) -> Wire:
        """A connection to the daemon. Raises `NoDaemon` and `DaemonTrouble`."""
        return Wire(self.options.socket, self.deadline)

    def session(self) -> SessionFile:
        """What is remembered of the session."""
        return SessionFile(self.options.sessions_directory, self.party().owner)

    def party(self) -> Party:
        """On whose behalf this call is. Raises `HookTrouble` where nobody is named."""
        options, payload = self.options, self.payload
        vendors = f"{options.dialect.name}-{payload.session}" if payload.session else ""
        owner = (options.session or vendors)[:_OWNER_CHARS_MAX]
        if not owner:
            raise HookTrouble("the hook's input names no session, so no lock could be taken for it")
        names = frozenset(name for name in (owner, options.branch) if name)
        return Party(owner, names, options.dialect.name, options.lock_secs, self.client)


def answer(visit: Visit) -> Answer:
    """The answer to a call."""
    match visit.payload.moment:
        case Moment.TOOL_STARTS:
            return _before_tool(visit)
        case Moment.TOOL_ENDED:
            _renew(visit)
        case Moment.SESSION_STARTS:
            return _first_call(visit)
        case Moment.TURN_ENDED | Moment.SESSION_ENDS:
            _release_finished(visit)
        case Moment.OTHER:
            pass
    return no_opinion(visit.options.dialect, before_tool=False)


def _before_tool(visit: Visit) -> Answer:
    options, payload = visit.options, visit.payload
    undecided = no_opinion(options.dialect, before_tool=True)
    paths = written_paths(options.dialect, payload.tool, payload.arguments)
    if paths is None:
        _renew_in_passing(visit)
        return undecided
    ground = Ground(payload.directory or options.worktree or os.getcwd(), options.worktree)
    places = [place for path in paths for place in _places(ground, path)]
    if not places:
        return undecided
    wire = visit.wire()
    with visit.session() as session:
        locking = Locking(wire, visit.party(), session, visit.now)
        found = locking.secure(places, _metadata(options, places))
    if found is None:
        return undecided
    reason = _reason(found, visit.now)
    _journal(visit, wire, found)
    if options.policy is Policy.ADVISORY:
        return no_opinion(options.dialect, before_tool=True, notice=reason)
    return refuse(options.dialect, payload.event, reason)


def _places(ground: Ground, path: str) -> tuple[Place, ...]:
    try:
        places = ground.places(path)
    except ValueError as error:
        raise HookTrouble(f"{path!r} is no path ({error})") from None
    if any(len(place.resource_key) > KEY_CHARS_MAX for place in places):
        raise HookTrouble(
            f"{path[:100]!r}… is too long a path for a lock: {KEY_CHARS_MAX:,} characters "
            "are the most"
        )
    return places


def _reason(found: Refusal, now: float) -> str:
    if found.holder is None:
        return refusal.awaited(found.resource_key)
    return refusal.held(found.resource_key, found.holder, now)


def _metadata(options: Options, places: list[Place]) -> dict[str, dict[str, Any]]:
    """What the locks of each repository say: the same in all of a session's, so that a review sees
    one piece of work in them."""
    guarded = options.policy is not Policy.ADVISORY
    said: dict[str, dict[str, Any]] = {}
    for place in places:
        repository = place.repository
        if repository.namespace in said:
            continue
        base = head_commit(repository)
        said[repository.namespace] = {
            "intent": options.intent or f"edits by {options.dialect.name}",
            **({"base_revision": f"git:{base}"} if base else {}),
            "enforcement": "guarded" if guarded else "advisory",
        }
    return said


def _journal(visit: Visit, wire: Wire, found: Refusal) -> None:
    """Notes a refusal with the session's task: some programs tell nobody of one."""
    if not visit.options.task:
        return
    holder = found.holder or {}
    payload = {
        "owner": visit.party().owner,
        "provider": visit.options.dialect.name,
        "resource_key": found.resource_key,
        "holder": holder.get("owner"),
        "holder_expires_at": holder.get("expires_at"),
    }
    event = {
        "task_id": visit.options.task,
        "action_type": "edit.refused",
        "payload": payload,
    }
    [_] = wire.ask([Call("CommitEvent", event)])


def _renew_in_passing(visit: Visit) -> None:
    """Renews before a tool that writes no file: whatever goes wrong is no reason to stop that."""
    with contextlib.suppress(HookTrouble, NoDaemon, OSError):
        _renew(visit)


def _renew(visit: Visit) -> None:
    """Moves the end of all the session's locks, when a third of their time is over."""
    party = visit.party()
    due = visit.now - party.ttl_secs / 3
    remembered = visit.session()
    if not remembered.is_there:
        return
    with remembered as session:
        leases = list(session.leases.values())
        if any(lease.renewed_at <= due for lease in leases):
            Locking(visit.wire(), party, session, visit.now).renew(leases)


def _first_call(visit: Visit) -> Answer:
    """Shows that the daemon can be reached, and tells the model what to expect."""
    [health] = visit.wire().ask([Call("Health", {})])
    if isinstance(health, WireError):
        raise HookTrouble(f"the daemon is not well: {health.message}")
    sweep(visit.options.sessions_directory, older_than=visit.now - _FORGOTTEN_SECS)
    return welcome(visit.options.dialect, visit.payload.event, refusal.WELCOME)


def _release_finished(visit: Visit) -> None:
    """Gives back the locks of files that hold nothing uncommitted.

    The others stay until they expire: whoever got one now would write over work that is nowhere
    saved.
    """
    from agentd.hook.unfinished import uncommitted

    remembered = visit.session()
    if not remembered.is_there:
        return
    with remembered as session:
        by_worktree: dict[str, list[KeptLease]] = {}
        for lease in session.leases.values():
            by_worktree.setdefault(lease.worktree, []).append(lease)
        if not by_worktree:
            return
        locking = Locking(visit.wire(), visit.party(), session, visit.now)
        for worktree, leases in by_worktree.items():
            paths = [lease.resource_key.partition(":")[2] for lease in leases]
            unfinished = uncommitted(worktree, paths, visit.search_path)
            finished = zip(leases, paths, strict=True)
            locking.release([lease for lease, path in finished if path not in unfinished])
