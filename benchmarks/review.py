"""Judging many bundles on a repository of 2,000 files, without verification commands.

The bundles come as branches, patches and bundle files, a third each. Some touch the same lines and
cannot all merge. Beside it: one `git merge-tree` process for each pair, which is what comparing
them by git alone would take, and would be all that it finds out.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median

from benchmarks.report import BenchmarkFailed, Goal, Report
from benchmarks.servers import ROOT
from benchmarks.workplace import Workplace, clean_environment

FILES, LINES = 2000, 60
CONTESTED_FILES = 150
"""The bundles' paths are drawn from so many, so that some meet."""
PATHS_PER_BUNDLE = 4
SIZES = (10, 50)
SECS_MAX = 10.0
SEED = 20
ALL_MERGE, NOT_ALL_MERGE = 0, 10
"""What `agentd-coord review` exits with when it has done its work."""


@dataclass(frozen=True, slots=True)
class _Repository:
    """The repository, and the bundles as the command line names them."""

    path: Path
    environment: Mapping[str, str]
    branches: Sequence[str]
    named: Sequence[tuple[str, str]]
    """(option, value) of each bundle."""

    def git(self, *arguments: str, accept: Sequence[int] = (0,)) -> str:
        """What a git command prints."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in accept:
            raise BenchmarkFailed(f"git {arguments[0]} failed:\n{done.stderr}")
        return done.stdout


@dataclass(frozen=True, slots=True)
class _Reviewed:
    """One review."""

    secs: float
    actions: Mapping[str, int]


def run(workplace: Workplace) -> Report:
    """The measurements."""
    workplace.say(f"making a repository of {FILES:,} files and {max(SIZES)} bundles")
    repository = _make(workplace.subdirectory("repository"))
    rounds = 1 if workplace.quick else 3
    new: dict[int, list[_Reviewed]] = {size: [] for size in SIZES}
    again: dict[int, list[_Reviewed]] = {size: [] for size in SIZES}
    pairs: dict[int, list[float]] = {size: [] for size in SIZES}
    for number in range(rounds):
        for size in SIZES:
            workplace.say(f"round {number + 1} of {rounds}: {size} bundles")
            home = workplace.subdirectory(f"home-{number}-{size}")
            home.chmod(0o700)
            new[size].append(_review(repository, home, size))
            again[size].append(_review(repository, home, size))
            pairs[size].append(_merge_each_pair(repository, size))
    return _report(new, again, pairs, rounds)


def _report(
    new: Mapping[int, list[_Reviewed]],
    again: Mapping[int, list[_Reviewed]],
    pairs: Mapping[int, list[float]],
    rounds: int,
) -> Report:
    first = {size: median(one.secs for one in new[size]) for size in SIZES}
    second = {size: median(one.secs for one in again[size]) for size in SIZES}
    by_git = {size: median(pairs[size]) for size in SIZES}
    actions = {size: new[size][0].actions for size in SIZES}
    most = max(SIZES)
    return Report(
        name="review",
        title=f"reviewing bundles on a repository of {FILES:,} files, no verification commands",
        columns=("bundles", "review", "again", "git merge-tree a pair", "review / git"),
        rows=[
            (
                str(size),
                f"{first[size]:.2f} s",
                f"{second[size]:.2f} s",
                f"{by_git[size]:.2f} s",
                f"{first[size] / by_git[size]:.2f}×",
            )
            for size in SIZES
        ],
        goals=[Goal(f"reviewing {most} bundles", first[most], SECS_MAX, "s")],
        notes=[
            f"medians of {rounds}; `review` with an empty home, `again` with what the first left",
            *(
                f"{size} bundles, {size * (size - 1) // 2:,} pairs: "
                + ", ".join(f"{count} {action}" for action, count in sorted(found.items()))
                for size, found in actions.items()
            ),
        ],
        figures={
            "review_secs": first,
            "again_secs": second,
            "merge_tree_secs": by_git,
            "actions": actions,
        },
    )


def _review(repository: _Repository, home: Path, size: int) -> _Reviewed:
    program = Path(sys.executable).with_name("agentd-coord")
    command = [str(program)] if program.exists() else [sys.executable, "-m", "agentd.cli.coord"]
    named = [word for pair in repository.named[:size] for word in pair]
    command += ["review", "--repo", str(repository.path), "--target", "main", *named]
    command += ["--json", "--no-record"]
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**repository.environment, "HOME": str(home), "AGENTD_HOME": str(home / "agentd")},
        capture_output=True,
        text=True,
        check=False,
    )
    spent = time.perf_counter() - start
    if done.returncode not in (ALL_MERGE, NOT_ALL_MERGE):
        raise BenchmarkFailed(f"the review failed ({done.returncode}):\n{done.stderr}")
    decisions = json.loads(done.stdout)["decisions"]
    if len(decisions) != size:
        raise BenchmarkFailed(f"{len(decisions)} of {size} bundles were decided about")
    return _Reviewed(spent, Counter(decision["action"] for decision in decisions))


def _merge_each_pair(repository: _Repository, size: int) -> float:
    start = time.perf_counter()
    for left, right in combinations(repository.branches[:size], 2):
        repository.git("merge-tree", "--write-tree", "--name-only", left, right, accept=(0, 1))
    return time.perf_counter() - start


def _make(directory: Path) -> _Repository:
    path = directory / "work"
    path.mkdir()
    count = max(SIZES)
    branches = [f"agent-{number}" for number in range(count)]
    environment = clean_environment(directory)
    repository = _Repository(path, environment, branches, [])
    repository.git("init", "--quiet", "--initial-branch=main")
    subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=path,
        env=environment,
        input=_history(branches).encode(),
        check=True,
    )
    repository.git("reset", "--quiet", "--hard", "main")
    named = [_named(repository, directory, number) for number in range(count)]
    return _Repository(path, environment, branches, named)


def _named(repository: _Repository, directory: Path, number: int) -> tuple[str, str]:
    """A bundle as an option of the command line: by turns a branch, a patch, a bundle file."""
    branch = repository.branches[number]
    patch = repository.git("diff", "--no-ext-diff", "main", branch)
    match number % 3:
        case 0:
            return "--branch", branch
        case 1:
            file = directory / f"{branch}.diff"
            file.write_text(patch, encoding="utf-8")
            return "--patch", str(file)
        case _:
            file = directory / f"{branch}.json"
            bundle = {
                "provider": "codex",
                "owner": branch,
                "base_revision": f"git:{repository.git('rev-parse', 'main').strip()}",
                "touched_paths": repository.git("diff", "--name-only", "main", branch).split(),
                "intent": f"what {branch} is for",
                "confidence": "medium",
                "patch": patch,
            }
            file.write_text(json.dumps(bundle), encoding="utf-8")
            return "--bundle", str(file)


def _history(branches: Sequence[str]) -> str:
    """A `git fast-import` stream: one commit of all files, and one on it for each branch."""
    chosen = random.Random(SEED)
    paths = [f"src/package_{number % 40}/module_{number}.py" for number in range(FILES)]
    texts = {path: _module(number) for number, path in enumerate(paths)}
    stream = ["commit refs/heads/main\n", "mark :1\n", _person(), _data("all files")]
    stream += [_file(path, "".join(lines)) for path, lines in texts.items()]
    contested = chosen.sample(paths, CONTESTED_FILES)
    for branch in branches:
        stream += [f"commit refs/heads/{branch}\n", _person(), _data(branch), "from :1\n"]
        for path in chosen.sample(contested, PATHS_PER_BUNDLE):
            lines = list(texts[path])
            at = chosen.randrange(2, LINES - 2)
            lines[at] = f"value_{at} = {branch!r}\n"
            stream.append(_file(path, "".join(lines)))
    return "".join(stream)


def _module(number: int) -> list[str]:
    return [f"value_{line} = {number * line}\n" for line in range(LINES)]


def _person() -> str:
    return "committer Bench <bench@example.invalid> 1700000000 +0000\n"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def _file(path: str, text: str) -> str:
    return f"M 100644 inline {path}\n{_data(text)}"
