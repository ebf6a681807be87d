"""Wakes the radar: files that were written, events in the journal, or time that passed.

A notice says where to look, never what is there. File notices come from the operating system
through watchfiles; where that cannot be had (too many directories, an unusual file system), the
radar looks by itself, in a rhythm that its cost sets.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agentd.client.sync_client import Client
from agentd.conflicts.radar.bundles import FOLLOWED
from agentd.errors import AgentdError

_EVENT_WAIT_SECS: Final = 1.0
"""How long the end of the radar may have to wait for its follower."""
_RECONNECT_SECS: Final = 2.0
_GROUPED_MS: Final = 250
"""Files written together are noticed together, at most that much later."""
_STEP_MS: Final = 25
_REFERENCES: Final = ("HEAD", "packed-refs", "refs")
"""What in a repository's directory, or a linked worktree's part of it, says where branches are."""


@dataclass(slots=True)
class Noticed:
    """Where to look."""

    places: set[Path] = field(default_factory=set)
    """Worktrees in which something was written."""
    references: bool = False
    journal: bool = False
    everything: bool = False
    """Notices begin only now, so something may have been missed."""

    def __bool__(self) -> bool:
        return bool(self.places or self.references or self.journal or self.everything)


class Notices:
    """Collects notices from other threads for the one that waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._noticed = Noticed()

    def add(
        self,
        *,
        places: Iterable[Path] = (),
        references: bool = False,
        journal: bool = False,
        everything: bool = False,
    ) -> None:
        """Notes something and wakes who waits."""
        with self._changed:
            self._noticed.places.update(places)
            self._noticed.references |= references
            self._noticed.journal |= journal
            self._noticed.everything |= everything
            self._changed.notify_all()

    def wait(self, within_secs: float) -> Noticed:
        """All notices since the last call, waiting for a first one."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._noticed), max(within_secs, 0.0))
            noticed, self._noticed = self._noticed, Noticed()
            return noticed


class FileNotices:
    """Reports files written below some worktrees, and references moved in their repository."""

    def __init__(self, notices: Notices, worktrees: Sequence[Path], common_dir: Path) -> None:
        self._notices = notices
        self._worktrees = sorted(worktrees, key=lambda path: len(path.parts), reverse=True)
        self._common_dir = common_dir
        self._stop = threading.Event()
        self.failure: str | None = None
        """Why there are no more notices."""
        self._thread = threading.Thread(target=self._run, name="radar-files", daemon=True)
        self._thread.start()

    @property
    def works(self) -> bool:
        """Whether it can be relied on."""
        return self.failure is None

    def stop(self) -> None:
        """Ends it; when this returns, no notice of it follows."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._watch()
        except (OSError, RuntimeError, ImportError) as failure:
            # RuntimeError is what watchfiles raises for errors of its own.
            self.failure = str(failure) or type(failure).__name__
            self._notices.add(everything=True)

    def _watch(self) -> None:
        from watchfiles import watch

        inside = any(self._common_dir.is_relative_to(place) for place in self._worktrees)
        places = [*self._worktrees, *(() if inside else (self._common_dir,))]
        first = True
        for changes in watch(
            *(place for place in places if place.is_dir()),
            watch_filter=None,
            debounce=_GROUPED_MS,
            step=_STEP_MS,
            rust_timeout=_GROUPED_MS,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            force_polling=False,
            ignore_permission_denied=True,
        ):
            if first:
                self._notices.add(everything=True)
                first = False
            if changes:
                self._report({Path(name) for _, name in changes})

    def _report(self, paths: set[Path]) -> None:
        places: set[Path] = set()
        references = False
        for path in paths:
            if path.is_relative_to(self._common_dir):
                references |= _tells_of_references(path.relative_to(self._common_dir).parts)
                continue
            place = next((each for each in self._worktrees if path.is_relative_to(each)), None)
            if place is not None and path != place / ".git":
                places.add(place)
        if places or references:
            self._notices.add(places=places, references=references)


def _tells_of_references(parts: tuple[str, ...]) -> bool:
    """Whether a path in the repository's directory says where branches or worktrees are."""
    if parts[:1] == ("worktrees",):
        return len(parts) <= 2 or parts[2] in _REFERENCES
    return bool(parts) and parts[0] in _REFERENCES


class JournalNotices:
    """Reports events that can change a bundle or a lock, with a connection of its own."""

    def __init__(self, notices: Notices, socket_path: Path, after_seq: int) -> None:
        self._notices = notices
        self._after_seq = after_seq
        self._client = Client(socket_path)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="radar-journal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it; when this returns, no notice of it follows."""
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow_once()
            except AgentdError:
                # Gone, or restarting. The radar looks and says which; then it is tried again.
                self._notices.add(journal=True)
                self._stop.wait(_RECONNECT_SECS)

    def _follow_once(self) -> None:
        answer = self._client.call(
            "ListEvents",
            {
                "after_seq": self._after_seq,
                "action_types": list(FOLLOWED),
                "limit": 1,
                "wait_secs": _EVENT_WAIT_SECS,
            },
        )
        self._after_seq = int(answer["last_seq"])
        if answer["events"]:
            self._notices.add(journal=True)


@dataclass(slots=True)
class Pace:
    """When to look at something again, so that looking takes a bounded share of the time."""

    pause_secs_min: float
    share: float
    """Of one processor, at most."""
    _next: float = 0.0

    def due(self) -> float:
        """Seconds until then; none when it is time."""
        return max(0.0, self._next - time.monotonic())

    def took(self, secs: float) -> None:
        """It was looked at just now, for so long."""
        self._next = time.monotonic() + max(self.pause_secs_min, secs / self.share)
