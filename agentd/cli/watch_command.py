"""`agentd-coord watch`: shows who meets whom, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import orjson

from agentd.cli.connect import settings
from agentd.cli.exit_codes import ExitCode
from agentd.cli.terminal import console, print_json

if TYPE_CHECKING:
    from rich.console import Group

    from agentd.conflicts.radar.station import RadarStation, Sighting


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The command line of `watch`."""

    repository: Path
    target: str | None
    once: bool
    as_json: bool


def run_watch(options: WatchOptions) -> ExitCode:
    """Shows the picture once, or follows it."""
    from agentd.conflicts.radar.station import follow

    with _station(options) as station:
        if options.once:
            return _once(station, as_json=options.as_json)
        sightings = follow(station, settings().socket_path)
        try:
            if options.as_json:
                _follow_as_json(sightings)
            elif console().is_terminal:
                _follow_live(sightings)
            else:
                _follow_as_lines(sightings)
        finally:
            sightings.close()
    return ExitCode.OK


@contextmanager
def _station(options: WatchOptions) -> Iterator[RadarStation]:
    """The radar, and nothing of it left afterwards, also when the process is told to end."""
    from agentd.client.sync_client import Client
    from agentd.conflicts.radar.station import RadarStation
    from agentd.conflicts.review import open_workplace

    for number in (signal.SIGTERM, signal.SIGHUP):
        # A closed terminal window ends it by SIGHUP, which `nohup` has it ignore.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    configured = settings()
    workplace = open_workplace(options.repository, configured.home)
    client = Client(configured.socket_path)
    try:
        with tempfile.TemporaryDirectory(prefix="agentd-radar-") as private:
            yield RadarStation(workplace, Path(private), daemon=client, target=options.target)
    finally:
        client.close()


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _once(station: RadarStation, *, as_json: bool) -> ExitCode:
    station.look_everywhere()
    sighting = station.sighting()
    if as_json:
        print_json(_whole(sighting))
    else:
        from agentd.cli.watch_view import table_of

        console().print(table_of(sighting))
    return ExitCode.SOMEBODY_MEETS if sighting.picture.somebody_meets else ExitCode.OK


def _follow_live(sightings: Iterator[Sighting]) -> None:
    """On a screen of its own, drawn again when the window changes; the last picture stays."""
    from rich.live import Live

    from agentd.cli.watch_view import Fitted, table_of

    out = console()
    last: Group | None = None
    with Live(console=out, auto_refresh=False, screen=True) as live:
        signal.signal(signal.SIGWINCH, lambda *_: live.refresh())
        try:
            for sighting in sightings:
                last = table_of(sighting)
                live.update(Fitted(last, "Ctrl-C ends it."), refresh=True)
        finally:
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)
            live.stop()
            if last is not None:
                out.print(last)


def _follow_as_lines(sightings: Iterator[Sighting]) -> None:
    from agentd.cli.watch_view import lines_of

    before: Sighting | None = None
    for sighting in sightings:
        for line in lines_of(before, sighting):
            sys.stdout.write(f"{_clock()} {line}\n")
        sys.stdout.flush()
        before = sighting


def _follow_as_json(sightings: Iterator[Sighting]) -> None:
    """The whole picture first, then a line for each change of it."""
    before: Sighting | None = None
    for sighting in sightings:
        for told in _changes(before, sighting):
            sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
        before = sighting


def _changes(before: Sighting | None, now: Sighting) -> Iterator[dict[str, Any]]:
    from agentd.conflicts.radar.as_json import change_to_json, differences
    from agentd.conflicts.record import printable

    at = _moment()
    if before is None:
        yield {"at": at, "change": "picture", **_whole(now)}
        return
    if before.daemon != now.daemon:
        yield {"at": at, "change": "daemon", "daemon": now.daemon}
    if before.target != now.target:
        yield {"at": at, "change": "target", "target": _target(now)}
    for change in differences(before.picture, now.picture):
        yield printable({"at": at, **change_to_json(change)})


def _whole(sighting: Sighting) -> dict[str, Any]:
    from agentd.conflicts.radar.as_json import picture_to_json
    from agentd.conflicts.record import printable

    whole: dict[str, Any] = printable(
        {
            "repository": sighting.repository,
            "target": _target(sighting),
            "daemon": sighting.daemon,
            "somebody_meets": sighting.picture.somebody_meets,
            **picture_to_json(sighting.picture),
        }
    )
    return whole


def _target(sighting: Sighting) -> dict[str, Any]:
    return {"ref": sighting.target_ref, "commit": sighting.target}


def _moment() -> str:
    from agentd.core.clock import SystemClock, rfc3339

    return rfc3339(SystemClock().now())


def _clock() -> str:
    """The time of day in UTC, as the journal has it."""
    return _moment()[11:19]
