"""Puts merges of real history through the whole engine, and holds verdict and tree against git's.

    python -m benchmarks.replay.cases --clones DIR --cases cases.jsonl
    python -m benchmarks.replay.cases --merges CLONE [--limit N] [--every K]

The first takes recorded merges (JSON lines with repo, base, left, right, merge, git_verdict, kinds,
conflicted_paths and merged_tree) in clones found below DIR; the second takes the merges of two
parents of one clone, newest first, and asks git itself. `--shape onto` makes the left side the
target and the right one a bundle that comes to it from an older base; otherwise both are bundles
on their merge base. Merges with several bases, of which git makes a virtual one, are always
brought onto the left side. Downloads nothing, and writes nothing into the clones.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

from agentd.conflicts.merges.result import MergeResult
from benchmarks.replay.git_history import GitHistory, Merge
from benchmarks.replay.one_merge import POLICY, EngineFailed, Shape, review_merge
from benchmarks.replay.semantic import find_clone
from benchmarks.replay.verdicts import Outcome, compare, recorded_answer

_BATCH = 200
"""How many merges git is asked for at once."""


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clones", type=Path, help="directory with the clones")
    parser.add_argument("--cases", type=Path, help="JSON lines of recorded merges")
    parser.add_argument("--merges", type=Path, help="clone of which all merges are taken")
    parser.add_argument("--limit", type=int, default=0, help="take so many merges only")
    parser.add_argument("--every", type=int, default=1, help="take every so manieth merge")
    parser.add_argument("--several-bases", action="store_true", help="take only such merges")
    parser.add_argument("--shape", type=Shape, choices=list(Shape), default=Shape.PAIR)
    parser.add_argument(
        "--default-policy", action="store_true", help="not the one that lets all in"
    )
    parser.add_argument("--out", type=Path, help="where differences go, as JSON lines")
    arguments = parser.parse_args()
    policy = None if arguments.default_policy else POLICY
    with tempfile.TemporaryDirectory(prefix="agentd-replay-") as directory:
        place = Path(directory)
        with arguments.out.open("a") if arguments.out else (place / "out").open("w") as out:
            replay = Replay(place, arguments.shape, policy, out)
            if arguments.merges is not None:
                replay.all_merges(
                    arguments.merges,
                    limit=arguments.limit,
                    every=arguments.every,
                    several_bases=arguments.several_bases,
                )
            elif arguments.cases is not None and arguments.clones is not None:
                replay.recorded(arguments.clones, arguments.cases)
            else:
                parser.error("give --cases with --clones, or --merges")
            replay.print_tally()


@dataclass(slots=True)
class Replay:
    """One run over many merges, and what came of it so far."""

    directory: Path
    shape: Shape
    policy: str | None
    out: IO[str]
    tally: Counter[Outcome] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)

    def recorded(self, clones: Path, cases: Path) -> None:
        """Takes the merges of a file of cases."""
        histories: dict[str, tuple[Path, GitHistory] | None] = {}
        for line in cases.read_text().splitlines():
            case = json.loads(line)
            if case["repo"] not in histories:
                histories[case["repo"]] = self._open(clones, case["repo"])
            found = histories[case["repo"]]
            if found is None:
                self.skipped[f"no clone of {case['repo']}"] += 1
                continue
            merge = Merge(case["merge"], case["left"], case["right"])
            base = None if case.get("n_bases", 1) > 1 else case["base"]
            self._one(*found, merge, base, recorded_answer(case))
        for each in histories.values():
            if each is not None:
                each[1].close()

    def all_merges(self, clone: Path, *, limit: int, every: int, several_bases: bool) -> None:
        """Takes the merges of a clone of which both sides changed something."""
        git_dir = find_clone(clone.parent, clone.name) or clone
        history = GitHistory(git_dir, self.directory / "objects")
        taken = self._merges(history, every, several_bases=several_bases)
        for merge, base, answer in islice(taken, limit or None):
            self._one(git_dir, history, merge, base, answer)
        history.close()

    def _merges(
        self, history: GitHistory, every: int, *, several_bases: bool
    ) -> Iterator[tuple[Merge, str | None, MergeResult | None]]:
        merges = list(history.merges())[::every]
        for start in range(0, len(merges), _BATCH):
            bases = {}
            for merge in merges[start : start + _BATCH]:
                found = history.merge_bases(merge.left, merge.right)
                if not found or found[0] in (merge.left, merge.right):
                    self.skipped["no base, or one side only"] += 1
                elif not several_bases or len(found) > 1:
                    bases[merge] = found[0] if len(found) == 1 else None
            answers = history.merge_results(list(bases))
            for merge, base in bases.items():
                yield merge, base, answers.get(merge)

    def _open(self, clones: Path, repo: str) -> tuple[Path, GitHistory] | None:
        clone = find_clone(clones, repo)
        return None if clone is None else (clone, GitHistory(clone, self.directory / "objects"))

    def _one(
        self,
        git_dir: Path,
        history: GitHistory,
        merge: Merge,
        base: str | None,
        git: MergeResult | None,
    ) -> None:
        """Replays a merge; `base` is None where there are several."""
        shape = Shape.ONTO if base is None else self.shape
        engine = None
        try:
            if git is None:
                raise EngineFailed("git itself cannot merge it")
            engine = review_merge(
                git_dir,
                self.directory / "home",
                merge,
                base or merge.left,
                shape,
                policy=self.policy,
            )
            outcome, detail = compare(engine, git), engine.detail
            if outcome in (Outcome.OTHER_KIND, Outcome.INVENTED):
                outcome = self._ruled(history, merge, base) or outcome
        except EngineFailed as failure:
            lacking = history.lacks_objects(*filter(None, (merge.left, merge.right, base)))
            outcome = Outcome.CLONE_ERROR if lacking else Outcome.ENGINE_ERROR
            detail = str(failure)
        self.tally[outcome] += 1
        if not outcome.agrees:
            report: Mapping[str, Any] = {
                "clone": str(git_dir),
                "merge": merge.commit,
                "base": base,
                "left": merge.left,
                "right": merge.right,
                "shape": shape.value,
                "outcome": outcome.name.lower(),
                "detail": detail,
                "engine": None if engine is None else [sorted(engine.kinds), engine.tree],
                "git": None if git is None else [git.clean, git.tree, git.conflicted_paths[:5]],
            }
            self.out.write(json.dumps(report) + "\n")
            self.out.flush()
            print(f"{outcome.name.lower()} {merge.commit} {detail[:300]}", flush=True)

    def _ruled(self, history: GitHistory, merge: Merge, base: str | None) -> Outcome | None:
        """Whether the project's attributes explain a conflict that git alone sees otherwise."""
        tree = history.tree(base or merge.left)
        left, right = (history.changes(tree, history.tree(each)) for each in merge.parents)
        tip = merge.left if base is None or self.shape is Shape.ONTO else base
        paths = sorted(left.keys() & right.keys()) if base is not None else sorted(right)
        return Outcome.RULED if paths and history.keeps_from_merging(tip, paths) else None

    def print_tally(self) -> None:
        """Prints how often each outcome came."""
        for key, count in sorted(self.skipped.items()):
            print(f"{count:6}  not taken: {key}")
        for outcome in Outcome:
            if self.tally[outcome]:
                print(f"{self.tally[outcome]:6}  {outcome.value}")
        judged = sum(count for outcome, count in self.tally.items() if not outcome.explained)
        agreed = sum(count for outcome, count in self.tally.items() if outcome.agrees)
        secs = time.monotonic() - self.started
        share = f"{100 * agreed / judged:.2f} %" if judged else "none"
        print(f"{agreed} of {judged} as git has it: {share}; {secs:.0f} s")


if __name__ == "__main__":
    main()
