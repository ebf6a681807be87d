"""The program that git runs before a commit and before a push.

It ends with 0, or with 1 and what to do instead on standard error. What it cannot find out refuses
the commit, unless the policy is another one: a guard that fails in silence guards nothing.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from agentd.guard import changes
from agentd.guard.committer import committer, own_heads
from agentd.guard.verdict import Intrusion, intrusions
from agentd.hook.ending import HookTrouble, NoDaemon
from agentd.hook.listing import listed_locks
from agentd.hook.options import BadUsage, Policy, home_directory, named, policy, socket_path
from agentd.hook.refusal import whose
from agentd.hook.wire import Wire
from agentd.plain_text import printable

_DAEMON_SECS_MAX: Final = 3.0
_SHOWN_MAX: Final = 8
_USAGE: Final = (
    "usage: agentd-guard {pre-commit,pre-push} [--policy strict|guarded|advisory]\n"
    "                    [--home DIR] [--socket PATH] [-- ARGUMENTS OF GIT]\n"
    "\n"
    "git runs this before a commit or a push; `agentd-coord guard install` has it do so.\n"
)
_INSTEAD: Final = {
    "pre-commit": "What to do: leave the file out (git restore --staged PATH) and commit the rest; "
    "or wait until it is free (agentd-coord locks); or hand your change in as a patch bundle "
    "(agentd-coord bundle --help), and agentd-coord review decides on both.",
    "pre-push": "What to do: push when it is free (agentd-coord locks), or hand the change in as a "
    "patch bundle (agentd-coord bundle --help), and agentd-coord review decides on both.",
}
_MINE: Final = (
    "If the lock is yours, say who you are: AGENTD_SESSION_ID=NAME git …, or git config "
    "agentd.owner NAME."
)


class Guard(NamedTuple):
    """One call of the guard."""

    hook: str
    policy: Policy
    home: str
    socket: str
    arguments: Sequence[str]
    """What git says to the hook."""
    environment: Mapping[str, str]

    @property
    def what(self) -> str:
        """What git is about to do."""
        return "commit" if self.hook == "pre-commit" else "push"


def main() -> NoReturn:
    """The entry point of `agentd-guard`."""
    if sys.argv[1:] in (["--help"], ["-h"]):
        sys.stdout.write(_USAGE)
        sys.exit(0)
    try:
        guard = _read(sys.argv[1:], os.environ)
    except BadUsage as error:
        sys.stderr.write(f"agentd-guard: {error}\n{_USAGE}")
        sys.exit(2)
    sys.exit(_judged(guard))


def _read(arguments: Sequence[str], environment: Mapping[str, str]) -> Guard:
    if not arguments or arguments[0] not in _INSTEAD:
        raise BadUsage(f"the first argument must be {' or '.join(_INSTEAD)}")
    own, of_git = list(arguments[1:]), []
    if "--" in own:
        where = own.index("--")
        own, of_git = own[:where], own[where + 1 :]
    given = named(own, ("--policy", "--home", "--socket"))
    home = home_directory(environment, given)
    return Guard(
        hook=arguments[0],
        policy=policy(environment.get("AGENTD_GUARD_POLICY") or given.get("--policy")),
        home=home,
        socket=socket_path(environment, given, home),
        arguments=of_git,
        environment=environment,
    )


def _judged(guard: Guard) -> int:
    """The exit code; what there is to say has been said."""
    try:
        found = _intrusions(guard)
    except NoDaemon as error:
        return _unanswered(guard, str(error), refused=guard.policy is Policy.STRICT)
    except HookTrouble as error:
        return _unanswered(guard, str(error), refused=guard.policy is not Policy.ADVISORY)
    if not found:
        return 0
    _say(_told(guard, found))
    if guard.policy is Policy.ADVISORY:
        _say(f"agentd guard: the policy is advisory, so the {guard.what} goes on.")
        return 0
    return 1


def _intrusions(guard: Guard) -> list[Intrusion]:
    push = None
    if guard.hook == "pre-commit":
        paths = changes.staged_paths()
    else:
        remote, url = (*guard.arguments, "", "")[:2]
        push = changes.Push(remote, url, sys.stdin.read())
        paths = changes.pushed_paths(push)
    if not paths:
        return []
    place = changes.place()
    locks = _locks(guard, place)
    who = committer(guard.environment, place, guard.home)
    found = intrusions(paths, locks, who.names)
    kin = who.kin([each.holder for each in found]) if found else frozenset()
    found = [each for each in found if each.holder["owner"] not in kin]
    return found if push is None else _without_their_own(found, push)


def _locks(guard: Guard, place: changes.Place) -> list[dict[str, Any]]:
    """The locks that may be of this repository."""
    wire = Wire(guard.socket, time.monotonic() + _DAEMON_SECS_MAX)
    is_usual = os.path.basename(place.common_dir) == ".git"
    top = os.path.dirname(place.common_dir) if is_usual else place.common_dir
    namespaces = ("", os.path.realpath(top))
    return listed_locks(wire, [{"namespace": each} for each in namespaces])


def _without_their_own(found: list[Intrusion], push: changes.Push) -> list[Intrusion]:
    """Without what only the holders' own branches and worktrees bring into a push."""
    by_others: dict[str, frozenset[str]] = {}
    for owner in {each.holder["owner"] for each in found}:
        if heads := own_heads(owner):
            paths = changes.pushed_paths(push, without=heads)
            by_others[owner] = frozenset(f"file:{path}" for path in paths)
    return [
        each
        for each in found
        if each.holder["owner"] not in by_others
        or each.resource_key in by_others[each.holder["owner"]]
    ]


def _told(guard: Guard, found: Sequence[Intrusion]) -> str:
    now = time.time()
    lines = [f"agentd guard: this {guard.what} changes what somebody else has locked:"]
    lines += [f"  {whose(each.resource_key, each.holder, now)}" for each in found[:_SHOWN_MAX]]
    if len(found) > _SHOWN_MAX:
        lines.append(f"  and {len(found) - _SHOWN_MAX} more.")
    if guard.policy is not Policy.ADVISORY:
        lines += [_INSTEAD[guard.hook], _MINE]
    return "\n".join(lines)


def _unanswered(guard: Guard, why: str, *, refused: bool) -> int:
    said = printable(why)[:500]
    if refused:
        _say(
            f"agentd guard: {said}. The {guard.what} is refused, because nobody could say whether "
            f"somebody else has locked what it changes (policy {guard.policy.value})."
        )
        return 1
    _say(f"agentd guard: {said}. This {guard.what} is NOT guarded by locks.")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
