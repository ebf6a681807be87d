"""What the shell offers for an argument: the ids and names that the daemon knows.

A shell's completion script evaluates what it is told, and agents chose the names: only what no
shell takes for anything but text is offered, and of a description only letters. Nothing here may
take long or fail aloud, since somebody has pressed a key and waits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentd.errors import AgentdError

if TYPE_CHECKING:
    from agentd.client.sync_client import Client

Offers = list[tuple[str, str]]
"""Values, each with a word on it or an empty text."""

_ANSWER_SECS_MAX: Final = 1.0
_LISTED_MAX: Final = 1000
_EVENTS_LOOKED_AT: Final = 10_000
"""At the journal's end, for decisions: a few milliseconds."""
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_./:@+=,][A-Za-z0-9_./:@+=,-]*")
_HARMFUL: Final = re.compile(r"[^A-Za-z0-9 ,.]+")
_HELP_CHARS_MAX: Final = 50


def task_ids(incomplete: str) -> Offers:
    """Ids of tasks, the newest first."""
    return _offered(incomplete, _tasks)


def lock_keys(incomplete: str) -> Offers:
    """Resources that are locked."""
    return _offered(incomplete, lambda client: _of_locks(client, incomplete, "resource_key"))


def lock_owners(incomplete: str) -> Offers:
    """Who holds locks."""
    return _offered(incomplete, lambda client: _of_locks(client, "", "owner"))


def review_ids(incomplete: str) -> Offers:
    """Ids of reviews that were made lately."""
    return _offered(incomplete, _reviews)


def bundle_names(incomplete: str) -> Offers:
    """Ids of bundles that were decided on lately."""
    return _offered(incomplete, _bundles)


def method_names(incomplete: str) -> Offers:
    """Methods of the wire contract."""
    from agentd.protocol.methods import METHODS

    return _harmless(incomplete, ((name, method.summary) for name, method in METHODS.items()))


def _offered(incomplete: str, ask: Callable[[Client], Iterable[tuple[str, str]]]) -> Offers:
    from agentd.client.sync_client import Client
    from agentd.settings import load_settings

    try:
        path: Path = load_settings().socket_path
        with Client(path, timeout_secs=_ANSWER_SECS_MAX) as client:
            return _harmless(incomplete, ask(client))
    except AgentdError:
        return []  # Without a daemon there is nothing to offer.


def _harmless(incomplete: str, offers: Iterable[tuple[str, str]]) -> Offers:
    found: dict[str, str] = {}
    for value, about in offers:
        if value.startswith(incomplete) and _HARMLESS.fullmatch(value):
            found.setdefault(value, _HARMFUL.sub(" ", about).strip()[:_HELP_CHARS_MAX])
    return list(found.items())


def _tasks(client: Client) -> Iterator[tuple[str, str]]:
    for task in client.call("ListTasks", {"limit": _LISTED_MAX})["tasks"]:
        yield task["id"], task["goal"]


def _of_locks(client: Client, prefix: str, member: str) -> Iterator[tuple[str, str]]:
    wanted: dict[str, Any] = {"limit": _LISTED_MAX}
    if prefix:
        wanted["prefix"] = prefix
    for lock in client.call("ListResourceLocks", wanted)["locks"]:
        yield lock[member], lock["owner"] if member == "resource_key" else ""


def _decisions(client: Client) -> list[dict[str, Any]]:
    """The payloads of the newest decisions, the last one first."""
    from agentd.core.limits import SEQ_MAX

    end = client.call("ListEvents", {"after_seq": SEQ_MAX, "limit": 1})["last_seq"]
    wanted = {"after_seq": max(0, end - _EVENTS_LOOKED_AT), "action_types": ["decision"]}
    events = client.call("ListEvents", wanted)["events"]
    return [event["payload"] for event in reversed(events)]


def _reviews(client: Client) -> Iterator[tuple[str, str]]:
    for decision in _decisions(client):
        yield decision["review_id"], decision["repository"]


def _bundles(client: Client) -> Iterator[tuple[str, str]]:
    for decision in _decisions(client):
        yield decision["bundle_id"], decision["action"]
