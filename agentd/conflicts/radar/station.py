"""The radar at work: looks where something happened and keeps the picture.

Puts together the worktrees, the daemon's bundles and locks, and the radar itself. It must not know
how a picture is shown, or why somebody wants to see it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from agentd.conflicts.bundles.collect import DaemonView
from agentd.conflicts.git.names import CommitId
from agentd.conflicts.git.repository import Worktree
from agentd.conflicts.radar.bundles import BundleSight, KnownJournal, SeenBundles
from agentd.conflicts.radar.ground import Ground
from agentd.conflicts.radar.notices import FileNotices, JournalNotices, Notices, Pace
from agentd.conflicts.radar.radar import Participant, Picture, Radar
from agentd.conflicts.radar.symbols import GuardedSymbols
from agentd.conflicts.radar.worktrees import WorktreeSight, worktree_id
from agentd.conflicts.review import Workplace
from agentd.errors import Unavailable

_ROUND_SECS_MIN = 0.5
_ROUND_SHARE = 0.25
"""Of the time for looking everywhere, where nothing tells of written files."""
_CHECK_SECS_MIN = 30.0
_CHECK_SHARE = 0.02
"""For looking everywhere although notices work: a system may drop some under load."""
_AGAIN_SHARE = 0.25
"""Of the time for one worktree in which files are written all the time."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A picture, and what it rests on."""

    picture: Picture
    repository: str
    target_ref: str | None
    target: CommitId
    daemon: bool
    """Whether the daemon answers: otherwise its bundles and locks are missing, or old."""
    blind: str = ""
    """Why the operating system does not tell of written files; empty where it does."""


class RadarStation:
    """Keeps the picture of one repository. `private` is a directory for copies of indexes."""

    def __init__(
        self,
        workplace: Workplace,
        private: Path,
        *,
        daemon: DaemonView | None = None,
        target: str | None = None,
    ) -> None:
        self.workplace = workplace
        self.ground = Ground(workplace, target)
        self.sight = WorktreeSight(workplace, self.ground, private)
        self._bundles = BundleSight(workplace, self.ground)
        self.journal = KnownJournal(daemon) if daemon is not None else None
        symbols = GuardedSymbols(self.ground, workplace.quarantine)
        self._radar = Radar(self.ground.ask_git, symbols)
        self._places: dict[Path, Worktree] = {}
        self._plain: dict[Path, Participant] = {}
        self._seen = SeenBundles()
        self._daemon_answers = False
        self.blind = ""

    def look_everywhere(self) -> None:
        """Looks at references, all worktrees, and the daemon."""
        self.look_at_references()
        self.look_at(self._places)
        self.look_at_journal()

    @property
    def places(self) -> tuple[Path, ...]:
        """The directories of the worktrees."""
        return tuple(self._places)

    def look_at_references(self) -> None:
        """Looks where branches and worktrees are, and at what has moved."""
        now = {each.path: each for each in self.sight.worktrees()}
        for gone in self._places.keys() - now.keys():
            self._radar.drop(worktree_id(gone))
            self._plain.pop(gone, None)
            self.sight.forget(gone)
        moved = [path for path, each in now.items() if each != self._places.get(path)]
        self._places = now
        if self.ground.refresh():
            self.look_at(moved)
            for path in now:
                self._see(path)
            self.look_at_journal()
        else:
            self.look_at(moved)

    def look_at(self, places: Iterable[Path]) -> None:
        """Looks at some worktrees, and sees those that have changed."""
        for path in list(places):
            if path in self._places and self.sight.has_changed(self._places[path]):
                self._see(path)

    def _see(self, path: Path) -> None:
        self._plain[path] = self.sight.see(self._places[path])
        self._put(path)

    def _put(self, path: Path) -> None:
        plain = self._plain[path]
        owners = self._seen.owners.get(str(path), frozenset())
        self._radar.put(replace(plain, names=plain.names | owners))

    def look_at_journal(self) -> None:
        """Looks at what the daemon knows. What was known stays where it does not answer."""
        if self.journal is None:
            return
        try:
            seen = self._bundles.see(self.journal, tuple(self._places.values()))
        except Unavailable:
            self._daemon_answers = False
            return
        self._daemon_answers = True
        for gone in {each.participant_id for each in self._seen.participants} - {
            each.participant_id for each in seen.participants
        }:
            self._radar.drop(gone)
        self._seen = seen
        for path in self._plain:
            self._put(path)
        for participant in seen.participants:
            self._radar.put(participant)
        self._radar.set_locks(seen.holdings.locks)

    def sighting(self) -> Sighting:
        """The picture as far as it was looked."""
        return Sighting(
            picture=self._radar.picture(),
            repository=self.workplace.repository.namespace,
            target_ref=self.ground.ref,
            target=self.ground.tip,
            daemon=self._daemon_answers,
            blind=self.blind,
        )


def follow(
    station: RadarStation,
    socket_path: Path | None,
    *,
    notices: Notices | None = None,
    announced: Callable[[], None] = lambda: None,
) -> Generator[Sighting, None, None]:
    """The first sighting, then one whenever it changes; never ends by itself.

    Without `socket_path` no journal is followed. `announced` is called when files are watched and
    everything written from now on will be noticed.
    """
    rounds = _Rounds(station, notices or Notices(), announced)
    station.look_everywhere()
    shown = station.sighting()
    yield shown
    journal = None
    if socket_path is not None and station.journal is not None:
        journal = JournalNotices(rounds.notices, socket_path, station.journal.last_seq)
    try:
        while True:
            rounds.once()
            seen = station.sighting()
            if seen != shown:
                shown = seen
                yield shown
    finally:
        rounds.stop()
        if journal is not None:
            journal.stop()


class _Rounds:
    """One turn after another: wait, look where needed, no oftener than its cost allows."""

    def __init__(
        self, station: RadarStation, notices: Notices, announced: Callable[[], None]
    ) -> None:
        self._station = station
        self.notices = notices
        self._announced = announced
        self._files: FileNotices | None = None
        self._watched: tuple[Path, ...] = ()
        self._pending: dict[Path, Pace] = {}
        self._paces: dict[Path, Pace] = {}
        self._check = Pace(_CHECK_SECS_MIN, _CHECK_SHARE)
        self._round = Pace(_ROUND_SECS_MIN, _ROUND_SHARE)

    @property
    def _everywhere(self) -> Pace:
        """How often everything is looked at."""
        works = self._files is not None and self._files.works
        return self._check if works else self._round

    def once(self) -> None:
        """One turn."""
        self._watch_files()
        due = min([self._everywhere.due(), *(pace.due() for pace in self._pending.values())])
        noticed = self.notices.wait(due)
        if noticed.everything or not self._everywhere.due():
            self._look_everywhere()
            if noticed.everything:
                self._announced()
            return
        if noticed.references:
            self._station.look_at_references()
        if noticed.journal:
            self._station.look_at_journal()
        for place in noticed.places:
            self._pending[place] = self._paces.setdefault(place, Pace(0.0, _AGAIN_SHARE))
        for place in [place for place, pace in self._pending.items() if not pace.due()]:
            start = time.monotonic()
            self._station.look_at([place])
            self._pending.pop(place).took(time.monotonic() - start)

    def _look_everywhere(self) -> None:
        start = time.monotonic()
        self._station.look_everywhere()
        spent = time.monotonic() - start
        for pace in (self._check, self._round):
            pace.took(spent)
        self._pending.clear()

    def _watch_files(self) -> None:
        """Has the files of exactly the present worktrees watched."""
        places = self._station.places
        if places != self._watched:
            self.stop()
            self._watched = places
            common = self._station.workplace.repository.common_dir
            self._files = FileNotices(self.notices, places, common)
        if self._files is not None and self._files.failure is not None:
            self._station.blind = self._files.failure

    def stop(self) -> None:
        """Ends the notices."""
        if self._files is not None:
            self._files.stop()
            self._files = None
