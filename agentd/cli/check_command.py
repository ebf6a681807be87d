"""`agentd-coord check`: who else is at this path, as an exit code for hooks and scripts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from agentd.cli.connect import daemon_if_running, fail, settings
from agentd.cli.exit_codes import ExitCode
from agentd.cli.terminal import print_json, printable

if TYPE_CHECKING:
    from agentd.conflicts.radar.answer import Answer, Asked, Other
    from agentd.conflicts.review import Workplace


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """The command line of `check`."""

    path: str
    repository: Path
    owner: str | None
    target: str | None
    locks_only: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """A path in a worktree, or in a bare repository, and the repository's name for locks."""

    path: str
    worktree: Path | None
    namespace: str
    branch: str | None = None
    is_directory: bool = False


def run_check(options: CheckOptions) -> ExitCode:
    """Asks, prints, and says the verdict as an exit code."""
    answer = _answer(options)
    leads_to = _behind_a_link(options, answer.asked)
    if leads_to is not None:
        # Who writes through a link writes the file behind it; the graver of the two counts.
        answer = max(answer, _answer(leads_to), key=_exit_code)
    if options.as_json:
        from agentd.conflicts.radar.answer import answer_to_json
        from agentd.conflicts.record import printable as valid_text

        print_json(valid_text(answer_to_json(answer)))
    else:
        for line in _told(answer):
            sys.stdout.write(f"{printable(line)}\n")
    return _exit_code(answer)


def _answer(options: CheckOptions) -> Answer:
    place = _place(options)
    asked = _asked(options, place)
    return _locks(asked, place) if options.locks_only else _everything(options, asked)


def _behind_a_link(options: CheckOptions, asked: Asked) -> CheckOptions | None:
    """The same question about the file of this worktree to which a symbolic link leads."""
    path = options.repository.absolute() / options.path
    if asked.worktree is None or not os.path.islink(path):
        return None
    real = os.path.realpath(path)
    inside = Path(real).is_relative_to(asked.worktree)
    return replace(options, path=real) if inside else None


def _exit_code(answer: Answer) -> ExitCode:
    from agentd.conflicts.radar.answer import Verdict

    return {
        Verdict.FREE: ExitCode.OK,
        Verdict.SOFT: ExitCode.SOMEBODY_MEETS,
        Verdict.SYMBOLS: ExitCode.LINES_MEET,
        Verdict.HOT: ExitCode.LINES_MEET,
        Verdict.LOCKED: ExitCode.LOCKED,
    }[answer.verdict]


def _locks(asked: Asked, place: _Place) -> Answer:
    """Only the locks: one call, and no process."""
    from agentd.cli.connect import connected_client
    from agentd.conflicts.bundles.collect import live_locks
    from agentd.conflicts.radar.answer import Answer, locks_in_the_way

    with connected_client() as client:
        locks = live_locks(client, place.namespace)
    return Answer(asked, locks_in_the_way(asked, locks), looked_at_work=False)


def _everything(options: CheckOptions, asked: Asked) -> Answer:
    from agentd.conflicts.radar.check import look_around

    with daemon_if_running() as client:
        return look_around(_workplace(options, asked), asked, daemon=client, target=options.target)


def _workplace(options: CheckOptions, asked: Asked) -> Workplace:
    from agentd.conflicts.review import open_workplace

    return open_workplace(asked.worktree or options.repository, settings().home)


def _place(options: CheckOptions) -> _Place:
    """Where the path lies. The worktree around it is where the caller works."""
    from agentd.conflicts.bundles.whereabouts import find_worktree, place_within

    path = options.repository.absolute() / options.path
    is_existing = os.path.isdir(path)  # A long name is none; `Path.is_dir` raises.
    is_directory = is_existing or options.path.endswith("/")
    found = find_worktree(_existing(path if is_existing else path.parent))
    if found is None:
        return replace(_place_by_git(options, path), is_directory=is_directory)
    inside = place_within(path, found.worktree)
    if inside is None:
        _not_inside(options.path, found.worktree)
    return _Place(inside, found.worktree, found.namespace, found.branch, is_directory)


def _place_by_git(options: CheckOptions, path: Path) -> _Place:
    """The same for bare and unusual repositories, at the cost of a few processes."""
    from agentd.conflicts.bundles.whereabouts import place_within
    from agentd.conflicts.git.process import GitProcess
    from agentd.conflicts.git.repository import Repository

    repository = Repository(options.repository, GitProcess())
    if repository.is_bare:
        return _Place(os.path.normpath(options.path), None, repository.namespace)
    top = Path(repository.run(["rev-parse", "--show-toplevel"], check=True).text).resolve()
    inside = place_within(path, top)
    if inside is None:
        _not_inside(options.path, top)
    return _Place(inside, top, repository.namespace)


def _existing(directory: Path) -> Path:
    while not os.path.isdir(directory):
        directory = directory.parent
    return directory


def _not_inside(path: str, worktree: Path) -> NoReturn:
    fail(
        f"{path} does not lie in {worktree}",
        hint="Name a path of the worktree that you work in; --repo says which.",
        code=ExitCode.USAGE,
    )


def _asked(options: CheckOptions, place: _Place) -> Asked:
    from agentd.conflicts.radar.answer import Asked
    from agentd.core.resource_keys import BadResourceKey
    from agentd.settings import process_environment

    names = {options.owner, process_environment().get("AGENTD_SESSION_ID"), place.branch}
    if place.worktree is not None:
        names.add(place.worktree.name)
    asked = Asked(
        place.path, place.is_directory, place.worktree, frozenset(name for name in names if name)
    )
    try:
        _ = asked.resource_key
    except BadResourceKey as error:
        fail(f"{options.path}: {error}", code=ExitCode.USAGE)
    return asked


def _told(answer: Answer) -> Iterator[str]:
    yield f"{answer.verdict.value} {answer.asked.path}"
    for lock in answer.locks:
        mode = "shares" if lock.shared else "holds"
        until = f" until {lock.expires_at}" if lock.expires_at else ""
        yield f"  {lock.owner} ({lock.provider}) {mode} {lock.resource_key}{until}"
    for other in answer.others:
        yield f"  {_line(other)}"
    if not answer.daemon:
        yield "  no daemon answers: locks and bundles are not known"


def _line(other: Other) -> str:
    from agentd.cli.watch_view import where_of

    who = f"{other.participant.name} ({other.participant.kind.value})"
    if other.encounter is None:
        paths = other.participant.paths
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        return f"{who} changes {paths[0]}{more}"
    spots = other.encounter.spots
    more = f" and {len(spots) - 1} more" if len(spots) > 1 else ""
    return f"{who} {other.encounter.heat.value}: {where_of(spots[0])}{more}"
