"""The conflict matrix and the whole review of up to 1,000 bundles beside git about every pair.

Indexing reads from git, once, which lines each bundle changes; the matrix is every meeting of two
bundles with its verdict as far as lines can tell; then git is asked about the doubtful ones, the
first time and again with what was remembered. The review is `agentd-coord review` of the bundles,
by turns branches and patches, without commands, with an empty home and again. Beside it:
`git merge-tree`, a process for each pair and `--stdin`, measured on a sample and scaled up to all
pairs.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from agentd.conflicts.findings import BundleId
from agentd.conflicts.footprints import take_footprints
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.merges.result import Merge
from agentd.conflicts.merges.store import MergeStore
from agentd.conflicts.pairs import Footprint, PairIndex, find_meetings
from benchmarks.many_bundles import Crowded, make_crowded, write_patches
from benchmarks.report import BenchmarkFailed, Goal, Report
from benchmarks.servers import ROOT
from benchmarks.workplace import Workplace, clean_environment

REPOSITORIES: Final = {"small": 2_000, "large": 100_000}
QUICK_REPOSITORIES: Final = {"small": 2_000}
SIZES: Final = (50, 200, 1_000)
PROCESS_SAMPLE: Final = 60
STDIN_SAMPLE: Final = 600
INDEX_SECS_MAX: Final = 1.0
MATRIX_SECS_MAX: Final = 1.0
MEMORY_MB_MAX: Final = 300.0
ALL_MERGE, NOT_ALL_MERGE = 0, 10


@dataclass(frozen=True, slots=True)
class _Measured:
    """One size on one repository, in seconds."""

    files: int
    bundles: int
    pairs: int
    met: int
    doubtful: int
    index: float
    matrix: float
    one_more: float
    git_first: float
    git_again: float
    processes: float
    stdin: float
    review: float = 0.0
    review_again: float = 0.0
    memory_mb: float = 0.0
    """The most of the two reviews."""


def run(workplace: Workplace) -> Report:
    """The measurements."""
    measured: list[_Measured] = []
    for name, files in (QUICK_REPOSITORIES if workplace.quick else REPOSITORIES).items():
        workplace.say(f"making a repository of {files:,} files and {max(SIZES):,} bundles")
        home = workplace.subdirectory(f"home-{name}")
        environment = clean_environment(home)
        path = workplace.directory / f"{name}.git"
        crowded = make_crowded(path, environment, files=files, bundles=max(SIZES))
        named = _named(crowded, workplace.subdirectory(f"patches-{name}"))
        for size in SIZES[:2] if workplace.quick else SIZES:
            workplace.say(f"{files:,} files, {size:,} bundles")
            one = _measure(crowded, home / f"agentd-{size}", size)
            words = named[: 2 * size]
            first, again = (_review(crowded, home / f"review-{size}", words) for _ in range(2))
            measured.append(
                replace(
                    one,
                    review=first[0],
                    review_again=again[0],
                    memory_mb=max(first[1], again[1]),
                )
            )
    return _report(measured)


def _measure(crowded: Crowded, home: Path, size: int) -> _Measured:
    git = GitProcess()
    quarantine = Quarantine(home, Repository(crowded.path, git), git)
    tip_tree, trees = _trees(crowded, size)
    start = time.perf_counter()
    footprints = take_footprints(quarantine, tip_tree, trees)
    index = time.perf_counter() - start
    matrix = []
    for _ in range(3):
        start = time.perf_counter()
        meetings = find_meetings([_fresh(each) for each in footprints])
        matrix.append(time.perf_counter() - start)
    doubtful = [each for each in meetings if each.doubtful and not each.identical]
    merges = [Merge(tip_tree, trees[each.left], trees[each.right]) for each in doubtful]
    store = MergeStore(quarantine.merges_file, now_secs=0)
    asked = []
    for _ in range(2):
        merger = Merger(quarantine, store=store)
        start = time.perf_counter()
        merger.merge_all(merges, trees=False)
        asked.append(time.perf_counter() - start)
    pairs = size * (size - 1) // 2
    return _Measured(
        files=crowded.files,
        bundles=size,
        pairs=pairs,
        met=len(meetings),
        doubtful=len(doubtful),
        index=index,
        matrix=median(matrix),
        one_more=_one_more(footprints),
        git_first=asked[0],
        git_again=asked[1],
        processes=_by_processes(crowded, size) * pairs,
        stdin=_by_stdin(crowded, size) * pairs,
    )


def _fresh(footprint: Footprint) -> Footprint:
    """Without what an earlier round worked out."""
    return Footprint(footprint.bundle_id, footprint.files, footprint.renames)


def _one_more(footprints: Sequence[Footprint]) -> float:
    """What one new bundle costs when all others are in the index."""
    spent = []
    for last in range(5):
        index = PairIndex()
        for place, each in enumerate(footprints):
            if place != last:
                index.add(each)
        newcomer = _fresh(footprints[last])
        start = time.perf_counter()
        index.add(newcomer)
        spent.append(time.perf_counter() - start)
    return median(spent)


def _git(crowded: Crowded, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=crowded.path,
        env=dict(crowded.environment),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise BenchmarkFailed(f"git {arguments[0]} failed:\n{done.stderr}")
    return done.stdout


def _trees(crowded: Crowded, size: int) -> tuple[TreeId, dict[BundleId, TreeId]]:
    names = ["main", *(crowded.branch(number) for number in range(size))]
    listed = _git(crowded, "rev-parse", *(f"{name}^{{tree}}" for name in names)).split()
    trees = {BundleId(name): TreeId(tree) for name, tree in zip(names, listed, strict=True)}
    return trees.pop(BundleId("main")), trees


def _sample(crowded: Crowded, size: int, count: int) -> list[tuple[str, str]]:
    chosen = random.Random(7)
    return [
        (crowded.branch(left), crowded.branch(right))
        for left, right in (chosen.sample(range(size), 2) for _ in range(count))
    ]


def _by_processes(crowded: Crowded, size: int) -> float:
    sample = _sample(crowded, size, PROCESS_SAMPLE)
    start = time.perf_counter()
    for left, right in sample:
        _git(crowded, "merge-tree", "--write-tree", "--name-only", left, right)
    return (time.perf_counter() - start) / len(sample)


def _by_stdin(crowded: Crowded, size: int) -> float:
    sample = _sample(crowded, size, STDIN_SAMPLE)
    lines = "".join(f"{left} {right}\n" for left, right in sample)
    start = time.perf_counter()
    _git(crowded, "merge-tree", "--write-tree", "--name-only", "--stdin", stdin=lines)
    return (time.perf_counter() - start) / len(sample)


def _named(crowded: Crowded, directory: Path) -> list[str]:
    """The bundles as options of the command line, by turns a branch and a patch."""
    patches = write_patches(crowded, directory)
    words: list[str] = []
    for number, patch in enumerate(patches):
        words += ["--patch", str(patch)] if number % 2 else ["--branch", crowded.branch(number)]
    return words


def _review(crowded: Crowded, home: Path, named: Sequence[str]) -> tuple[float, float]:
    """How long a whole review takes, in seconds, and the most memory of the command, in MB."""
    command = [sys.executable, "-m", "agentd.cli.coord", "review", "--repo", str(crowded.path)]
    command += ["--target", "main", *named, "--json", "--no-record"]
    start = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**crowded.environment, "AGENTD_HOME": str(home)},
        stdout=subprocess.DEVNULL,
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    spent = time.perf_counter() - start
    if process.returncode not in (ALL_MERGE, NOT_ALL_MERGE):
        raise BenchmarkFailed(f"the review failed ({process.returncode})")
    return spent, used.ru_maxrss / 1024


def _report(measured: Sequence[_Measured]) -> Report:
    largest = [each for each in measured if each.bundles == max(each.bundles for each in measured)]
    most = largest[0].bundles
    columns = ["files", "bundles", "pairs", "met", "index", "matrix", "one more"]
    columns += ["ask git", "asked again", "review", "review again", "memory"]
    columns += ["--stdin, all", "a process each", "matrix / processes"]
    return Report(
        name="pairs",
        title="the conflict matrix and the whole review beside asking git about every pair",
        columns=columns,
        rows=[_row(each) for each in measured],
        goals=[
            Goal(f"indexing {most:,} bundles", max(e.index for e in largest), INDEX_SECS_MAX, "s"),
            Goal(
                f"matrix of {most:,} bundles", max(e.matrix for e in largest), MATRIX_SECS_MAX, "s"
            ),
            Goal("memory of a review", max(e.memory_mb for e in measured), MEMORY_MB_MAX, "MB"),
        ],
        notes=[
            f"git's figures are scaled up from {PROCESS_SAMPLE} processes and {STDIN_SAMPLE} "
            "lines; the others are measured whole",
            "`ask git`: the doubtful pairs, in batches; `asked again`: with what was remembered",
            "`review`: half branches, half patches, no commands, an empty home; `again`: the same "
            "with what the first left; `memory`: the most that the command held",
        ],
        figures={
            "measured": [
                {name: getattr(each, name) for name in _Measured.__dataclass_fields__}
                for each in measured
            ],
        },
    )


def _row(each: _Measured) -> tuple[str, ...]:
    return (
        f"{each.files:,}",
        f"{each.bundles:,}",
        f"{each.pairs:,}",
        f"{each.met:,}",
        f"{each.index:.2f} s",
        f"{each.matrix * 1000:.1f} ms",
        f"{each.one_more * 1000:.2f} ms",
        f"{each.git_first:.2f} s",
        f"{each.git_again * 1000:.0f} ms",
        f"{each.review:.1f} s",
        f"{each.review_again:.1f} s",
        f"{each.memory_mb:.0f} MB",
        f"{each.stdin:,.0f} s",
        f"{each.processes:,.0f} s",
        f"{each.processes / (each.index + each.matrix):,.0f}×",
    )
