"""From a saved file to the line that tells of it: the radar over ten worktrees of 2,000 files.

One process watches; files are saved one after another in turn, so that two worktrees' lines meet
and part again, and each time it is measured when the radar says so. Beside it: one plain
`git status` of one worktree, which is what looking by hand would take, ten times over, and would
not compare anything. And what watching costs while nothing happens, and `check` for one path.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO

from agentd.client.autostart import running_daemon
from benchmarks.report import BenchmarkFailed, Goal, Report
from benchmarks.workplace import Workplace, clean_environment

FILES, LINES, WORKTREES = 2000, 60, 10
SECS_MAX = 2.0
LOCKS_SECS_MAX = 0.3
REST_SECS = 35.0
"""Long enough for one of the rounds in which everything is looked at."""
WAIT_SECS = 60.0
CONTESTED = "src/package_7/module_7.py"


@dataclass(frozen=True, slots=True)
class _Place:
    """The worktrees, and the environment of what runs in them."""

    worktrees: Sequence[Path]
    environment: Mapping[str, str]

    def run(self, *command: str, at: Path, accept: Sequence[int] = (0,)) -> float:
        """How long a command takes."""
        start = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=at,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        spent = time.perf_counter() - start
        if done.returncode not in accept:
            raise BenchmarkFailed(f"{command[0]} failed ({done.returncode}):\n{done.stderr}")
        return spent


def run(workplace: Workplace) -> Report:
    """The measurements."""
    workplace.say(f"making {WORKTREES} worktrees of {FILES:,} files")
    place = _make(workplace)
    saves = 6 if workplace.quick else 40
    workplace.say(f"saving {saves} files before a watching radar")
    told, rest, first = _watch(place, saves)
    rounds = 3 if workplace.quick else 15
    status = [_status(place) for _ in range(rounds)]
    workplace.say("asking for one path")
    with running_daemon(place.environment):
        path = CONTESTED
        locks = [_check(place, path, "--locks") for _ in range(rounds)]
        whole = [_check(place, path) for _ in range(rounds)]
    start = [place.run(*_coord(), "--version", at=place.worktrees[0]) for _ in range(rounds)]
    return _report(told, rest, first, status, locks, whole, start)


def _report(
    told: Sequence[float],
    rest: float,
    first: float,
    status: Sequence[float],
    locks: Sequence[float],
    whole: Sequence[float],
    start: Sequence[float],
) -> Report:
    by_git = median(status)
    worst = sorted(told)[max(0, int(len(told) * 0.95) - 1)]
    rows = [
        ("saved file to the line about it", told),
        ("check PATH", whole),
        ("check PATH --locks", locks),
        ("agentd-coord --version", start),
        ("git status of one worktree", status),
    ]
    return Report(
        name="radar",
        title=f"the radar over {WORKTREES} worktrees of {FILES:,} files",
        columns=("what", "median", "slowest", "/ git status"),
        rows=[
            (what, f"{median(secs):.3f} s", f"{max(secs):.3f} s", f"{median(secs) / by_git:.1f}×")
            for what, secs in rows
        ],
        goals=[
            Goal("a saved file is told of, 95th percentile", worst, SECS_MAX, "s"),
            Goal("check --locks, median", median(locks), LOCKS_SECS_MAX, "s"),
        ],
        notes=[
            f"{len(told)} saves; the first picture after {first:.2f} s",
            f"at rest the radar used {rest * 100:.1f} % of a processor",
            "`check` includes the start of the interpreter, as a hook pays it",
        ],
        figures={
            "told_secs": told,
            "rest_share": rest,
            "first_secs": first,
            "status_secs": status,
            "check_locks_secs": locks,
            "check_secs": whole,
            "version_secs": start,
        },
    )


def _watch(place: _Place, saves: int) -> tuple[list[float], float, float]:
    """The latencies, the share of a processor at rest, and the time to the first picture."""
    begun = time.perf_counter()
    with _watching(place) as process:
        lines = _Lines(process.stdout)
        lines.wait_for("picture")
        first = time.perf_counter() - begun
        one, other = place.worktrees[1] / CONTESTED, place.worktrees[2] / CONTESTED
        text = other.read_text(encoding="utf-8")
        one.write_text(text.replace("value_30 =", "value_30 = 1 +"), encoding="utf-8")
        lines.wait_for("joined")
        time.sleep(1.0)  # The files are watched from some moment after the first picture on.
        told = []
        for number in range(saves):
            meets = number % 2 == 0
            start = time.perf_counter()
            other.write_text(
                text.replace("value_30 =", "value_30 = 2 +") if meets else text, encoding="utf-8"
            )
            told.append(lines.wait_for("met" if meets else "parted") - start)
        before = _processor_secs(process.pid)
        time.sleep(REST_SECS)
        rest = (_processor_secs(process.pid) - before) / REST_SECS
    return told, rest, first


class _Lines:
    """The JSON lines that a process writes."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        if stream is None:
            raise BenchmarkFailed("the radar has no standard output")
        self._stream = stream

    def wait_for(self, change: str) -> float:
        """When the next line about such a change was read."""
        for line in self._stream:
            if json.loads(line)["change"] == change:
                return time.perf_counter()
        raise BenchmarkFailed(f"the radar ended without telling that somebody {change}")


@contextmanager
def _watching(place: _Place) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*_coord(), "watch", "--json"],
        cwd=place.worktrees[0],
        env=dict(place.environment),
        stdout=subprocess.PIPE,
    )
    # Reading its lines has no limit of its own; an end of the process ends it.
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(int(WAIT_SECS * 5))
    try:
        yield process
    finally:
        signal.alarm(0)
        process.send_signal(signal.SIGINT)
        process.wait(WAIT_SECS)


def _processor_secs(pid: int) -> float:
    """What a process and its ended children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def _status(place: _Place) -> float:
    return place.run("git", "--no-optional-locks", "status", "--porcelain", at=place.worktrees[1])


def _check(place: _Place, path: str, *options: str) -> float:
    return place.run(*_coord(), "check", path, *options, at=place.worktrees[3], accept=(0, 10))


def _coord() -> list[str]:
    program = Path(sys.executable).with_name("agentd-coord")
    return [str(program)] if program.exists() else [sys.executable, "-m", "agentd.cli.coord"]


def _make(workplace: Workplace) -> _Place:
    directory = workplace.subdirectory("worktrees")
    home = workplace.sockets / "radar"
    home.mkdir(mode=0o700)
    environment = {**clean_environment(home), "AGENTD_HOME": str(home)}
    worktrees = [directory / f"agent-{number}" for number in range(WORKTREES)]
    place = _Place(worktrees, environment)
    worktrees[0].mkdir()
    place.run("git", "init", "--quiet", "--initial-branch=main", at=worktrees[0])
    subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=worktrees[0],
        env=environment,
        input=_history().encode(),
        check=True,
    )
    place.run("git", "reset", "--quiet", "--hard", "main", at=worktrees[0])
    for path in worktrees[1:]:
        place.run("git", "worktree", "add", "--quiet", "--detach", str(path), at=worktrees[0])
    return place


def _history() -> str:
    """A `git fast-import` stream: one commit of all files."""
    stream = ["commit refs/heads/main\n"]
    stream += ["committer Bench <bench@example.invalid> 1700000000 +0000\n", "data 3\nall\n"]
    for number in range(FILES):
        text = "".join(f"value_{line} = {number * line}\n" for line in range(LINES))
        stream.append(f"M 100644 inline src/package_{number % 40}/module_{number}.py\n")
        stream.append(f"data {len(text)}\n{text}\n")
    return "".join(stream)
