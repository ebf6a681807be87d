"""The radar's picture as a person reads it: a table on a terminal, a line a change elsewhere.

Names, paths and intents come from agents, so everything is made harmless before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from agentd.cli.terminal import printable, styled
from agentd.conflicts.findings import counted
from agentd.conflicts.radar.as_json import Change, ChangeKind, differences
from agentd.conflicts.radar.radar import Encounter, Heat, Participant, Picture, Spot, Trespass
from agentd.conflicts.radar.station import Sighting

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
    from rich.table import Table

HEAT_STYLES: Final[Mapping[Heat, str]] = {
    Heat.HOT: "bold red",
    Heat.SYMBOLS: "bold magenta",
    Heat.SOFT: "yellow",
}
_SPOTS_SHOWN: Final = 4
_PATHS_SHOWN: Final = 3
_STRETCHES_SHOWN: Final = 3
_COMMIT_CHARS: Final = 10


def table_of(sighting: Sighting) -> Group:
    """The whole picture."""
    from rich.console import Group

    picture = sighting.picture
    parts: list[RenderableType] = [_head(sighting)]
    if picture.encounters or picture.trespasses or _behind(picture):
        parts.append(_meetings(picture))
    else:
        parts.append(styled("Nobody is in anybody's way.", "green"))
    parts.append(_people(picture))
    parts += [styled(note, "dim") for note in _notes(sighting)]
    return Group(*parts)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A picture as far as the window is high enough for it, with a last line of its own.

    What has no room is counted, never left out in silence.
    """

    picture: RenderableType
    last: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        lines = console.render_lines(self.picture, options.update(height=None), pad=False)
        room = max((options.height or console.height) - 1, 1)
        last = self.last
        if len(lines) > room:
            last = f"{counted(len(lines) - room, 'more line')} below. {last}"
        for line in lines[:room]:
            yield from line
            yield Segment.line()
        yield styled(last, "dim")


def _head(sighting: Sighting) -> RenderableType:
    return styled(f"Radar of {sighting.repository} · target {_target(sighting)}", "bold")


def _target(sighting: Sighting) -> str:
    commit = sighting.target[:_COMMIT_CHARS]
    if sighting.target_ref is None:
        return commit
    return f"{sighting.target_ref.removeprefix('refs/heads/')} ({commit})"


def _notes(sighting: Sighting) -> Iterator[str]:
    if not sighting.daemon:
        yield "No daemon answers: worktrees only, without its locks and bundles."
    if sighting.blind:
        yield f"The system does not tell of written files ({sighting.blind}): looking at intervals."


def _behind(picture: Picture) -> list[Participant]:
    return [each for each in picture.participants if each.against_target]


def _meetings(picture: Picture) -> Table:
    from rich.table import Table

    names = _names(picture)
    table = Table(box=None, pad_edge=False)
    for title in ("HEAT", "WHO", "WITH", "WHERE"):
        table.add_column(title, overflow="fold")
    for met in picture.encounters:
        table.add_row(
            styled(met.heat.value, HEAT_STYLES[met.heat]),
            styled(names[met.left], "bold"),
            styled(names[met.right], "bold"),
            styled(_where(met)),
        )
    for each in _behind(picture):
        table.add_row(
            styled(Heat.HOT.value, HEAT_STYLES[Heat.HOT]),
            styled(names[each.participant_id], "bold"),
            styled("the target"),
            styled(_listed(each.against_target)),
        )
    for found in picture.trespasses:
        style = HEAT_STYLES[Heat.SOFT if found.lock.shared else Heat.HOT]
        table.add_row(
            styled("lock", style),
            styled(names[found.participant], "bold"),
            styled(found.lock.owner, "bold"),
            styled(_held(found)),
        )
    return table


def _people(picture: Picture) -> Table:
    """Who is there; columns in which all say the same or nothing are left out."""
    from rich.table import Table

    names = _names(picture)
    people = picture.participants
    several = len({each.kind for each in people}) > 1
    speaking = any(each.trouble or each.intent for each in people)
    table = Table(box=None, pad_edge=False, style="dim")
    table.add_column("WHO", overflow="fold")
    if several:
        table.add_column("")
    for sign in "+−":
        table.add_column(sign, justify="right")
    table.add_column("PATHS", overflow="fold")
    if speaking:
        table.add_column("INTENT", overflow="fold")
    for each in people:
        changes = [file.change for file in each.footprint.files]
        cells = [styled(names[each.participant_id])]
        cells += [styled(each.kind.value)] if several else []
        cells.append(styled(str(sum(change.additions for change in changes))))
        cells.append(styled(str(sum(change.deletions for change in changes))))
        cells.append(styled(_listed(each.paths) if each.paths else "nothing changed"))
        cells += [styled(each.trouble or each.intent)] if speaking else []
        table.add_row(*cells)
    return table


def lines_of(before: Sighting | None, now: Sighting) -> Iterator[str]:
    """What is new, a harmless line for each change."""
    if before is None:
        yield printable(f"watching {now.repository}, target {_target(now)}")
    elif before.target != now.target:
        yield printable(f"target is now {_target(now)}")
    if before is None or (before.daemon, before.blind) != (now.daemon, now.blind):
        if before is not None and now.daemon and not before.daemon:
            yield "the daemon answers"
        yield from (printable(note) for note in _notes(now))
    old = before.picture if before is not None else Picture()
    names = {**_names(old), **_names(now.picture)}
    for change in differences(old, now.picture):
        yield printable(_line(change, [names[each.participant_id] for each in change.people]))


def _line(change: Change, names: Sequence[str]) -> str:
    who = " × ".join(names)
    if change.encounter is not None:
        if change.kind is ChangeKind.PARTED:
            return f"parted {who}"
        return f"{change.encounter.heat.value} {who}: {_where(change.encounter)}"
    if change.trespass is not None:
        if change.kind is ChangeKind.CLEARED:
            return f"cleared {who}: {change.trespass.lock.resource_key}"
        return f"lock {who} × {change.trespass.lock.owner}: {_held(change.trespass)}"
    return _line_about(change.kind, who, change.people[0])


def _line_about(kind: ChangeKind, who: str, person: Participant) -> str:
    match kind:
        case ChangeKind.JOINED | ChangeKind.WORKED:
            return f"works {who}: {_listed(person.paths)}"
        case ChangeKind.LEFT:
            return f"left {who}"
        case ChangeKind.FELL_BEHIND:
            return f"hot {who} × the target: {_listed(person.against_target)}"
        case ChangeKind.CAUGHT_UP:
            return f"parted {who} × the target"
        case ChangeKind.TROUBLED:
            return f"unseen {who}: {person.trouble}"
        case ChangeKind.MET | ChangeKind.PARTED | ChangeKind.TRESPASSED | ChangeKind.CLEARED:
            return f"{kind.value} {who}"
    assert_never(kind)


def where_of(spot: Spot) -> str:
    """A place, with its lines on the target: `src/x.py:10-14 (content)`."""
    stretches = [f"{start}-{end}" if end > start else str(start) for start, end in spot.lines]
    more = "…" if len(stretches) > _STRETCHES_SHOWN else ""
    lines = f":{','.join(stretches[:_STRETCHES_SHOWN])}{more}" if stretches else ""
    about = spot.symbol or spot.kind.replace("_", "/")
    return f"{spot.path}{lines}" + (f" ({about})" if about else "")


def _where(met: Encounter) -> str:
    if met.identical:
        return f"the same change in {_listed([spot.path for spot in met.spots])}"
    shown = [where_of(spot) for spot in met.spots[:_SPOTS_SHOWN]]
    rest = len(met.spots) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _held(found: Trespass) -> str:
    lock = found.lock
    mode = "shared " if lock.shared else ""
    until = f" until {lock.expires_at}" if lock.expires_at else ""
    over = "" if lock.resource_key == f"file:{found.paths[0]}" else f", over {_listed(found.paths)}"
    return f"{mode}{lock.resource_key}{until}{over}"


def _listed(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:_PATHS_SHOWN])
    rest = len(paths) - _PATHS_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def _names(picture: Picture) -> dict[str, str]:
    """Id to name, with more where two have the same."""
    names = [each.name for each in picture.participants]
    return {
        each.participant_id: each.name
        if names.count(each.name) == 1
        else f"{each.name} ({each.kind.value} {each.place or each.participant_id[:12]})"
        for each in picture.participants
    }
