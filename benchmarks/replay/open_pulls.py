"""Reviews all pull requests of a project that were open on a day against its tip of that day.

    python -m benchmarks.replay.open_pulls --clone DIR --at DATE [--days N] [--checked N]

A clone knows the heads of pull requests (`refs/pull/*/head`) and not when they were closed: open is
a head that was committed in the N days before DATE and is not in the history of the tip. Then every
pair of those that merge onto the tip is put to git by itself, and held against what the pair pass
found: a conflict of git's without an edge is a miss. Downloads nothing, and writes nothing into
the clone.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from agentd.conflicts.merges.conflict_kinds import ConflictKind
from benchmarks.replay.git_history import GitHistory, Merge
from benchmarks.replay.one_merge import review_record
from benchmarks.replay.semantic import find_clone

_SEED: Final = 20
_DAY_SECS: Final = 86_400
_LIVE: Final = ("in_step", "stale_clean")


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clone", type=Path, required=True)
    parser.add_argument("--at", required=True, help="a date, as git understands it")
    parser.add_argument("--days", type=int, default=180, help="how old a head may be")
    parser.add_argument(
        "--checked", type=int, default=50_000, help="put so many pairs to git, drawn by lot"
    )
    parser.add_argument("--record", type=Path, help="where the record of the review goes")
    arguments = parser.parse_args()
    git_dir = find_clone(arguments.clone.parent, arguments.clone.name) or arguments.clone
    with tempfile.TemporaryDirectory(prefix="agentd-replay-") as directory:
        history = GitHistory(git_dir, Path(directory) / "objects")
        try:
            day = open_at(history, arguments.at, arguments.days)
            start = time.perf_counter()
            record = review_record(git_dir, Path(directory) / "home", day.tip, day.heads)
            secs = time.perf_counter() - start
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            if arguments.record is not None:
                arguments.record.write_text(json.dumps(record))
            _print_review(day, record, secs, memory)
            checked = check_pairs(history, day.tip, record, arguments.checked)
            print(checked.text())
        finally:
            history.close()


@dataclass(frozen=True, slots=True)
class Day:
    """The tip of a day, and what was open."""

    tip: str
    heads: tuple[str, ...]
    lacking: int
    """Heads of which the clone lacks files."""


def open_at(history: GitHistory, date: str, days: int) -> Day:
    """What was open at a date."""
    tip = history.git("rev-list", "-1", "--first-parent", f"--before={date}", "HEAD")[1].strip()
    if not tip:
        raise SystemExit(f"nothing was committed before {date}")
    seconds = int(history.git("rev-parse", f"--before={date}")[1].strip().partition("=")[2])
    listed = history.git(
        "for-each-ref", "--format=%(objectname) %(committerdate:unix)", "refs/pull/*/head"
    )[1]
    young: dict[str, None] = {}
    for line in listed.splitlines():
        head, _, committed = line.partition(" ")
        if committed and seconds - days * _DAY_SECS <= int(committed) <= seconds:
            young[head] = None
    merged = set(history.git("rev-list", tip)[1].split())
    opened = [head for head in young if head not in merged]
    whole = [
        head
        for head in opened
        if history.merge_bases(tip, head) and not history.lacks_objects(tip, head)
    ]
    return Day(tip, tuple(whole), len(opened) - len(whole))


def _print_review(day: Day, record: Mapping[str, Any], secs: float, memory: float) -> None:
    print(f"tip {day.tip[:12]}, {len(day.heads)} open, {day.lacking} not whole in the clone")
    freshness = Counter(each["base"]["freshness"] for each in record["bundles"])
    print("freshness:", dict(freshness))
    print("pairs:", record["pairs"])
    print("edges:", dict(Counter(each["kind"] for each in record["edges"])))
    print("decisions:", dict(Counter(each["action"] for each in record["decisions"])))
    kinds = Counter(each["kind"] for each in record["findings"])
    print("joint failures:", kinds["composition_conflict"])
    print("ledger mismatches:", kinds["ledger_mismatch"])
    integration = record["integration"]
    print("integrated:", len(integration["order"]) if integration else None)
    print(f"review: {secs:.1f} s, {memory:.0f} MB")


@dataclass(frozen=True, slots=True)
class Checked:
    """The pair pass held against git."""

    live: int
    pairs: int
    checked: int
    conflicts: int
    missed: tuple[tuple[str, str], ...]
    """Heads of pairs that conflict and have no edge."""
    invented: tuple[tuple[str, str], ...]
    """Pairs with an edge of git's kinds that git merges."""
    secs: float
    unanswered: int

    def text(self) -> str:
        """What people read."""
        lines = [
            f"{self.live} live, {self.pairs:,} pairs, {self.checked:,} of them put to git one by "
            f"one in {self.secs:.1f} s, {self.unanswered} without an answer",
            f"{self.conflicts} conflict; missed by the pair pass: {len(self.missed)}; "
            f"edges without a conflict: {len(self.invented)}",
        ]
        lines += [f"missed {left} {right}" for left, right in self.missed]
        lines += [f"invented {left} {right}" for left, right in self.invented]
        return "\n".join(lines)


def check_pairs(
    history: GitHistory, tip: str, record: Mapping[str, Any], checked_max: int
) -> Checked:
    """Puts the pairs of the live bundles to git: those with an edge, and others drawn by lot."""
    live = [each for each in record["bundles"] if each["base"]["freshness"] in _LIVE]
    commits = _on_tip(history, tip, [each["owner"] for each in live])
    ids = {each["bundle_id"]: each["owner"] for each in live if each["owner"] in commits}
    twins = {
        _pair(found["bundles"])
        for found in record["findings"]
        if found["kind"] == "tree_conflict" and found["evidence"]["git"] == []
    }
    edges = {
        pair
        for edge in record["edges"]
        if edge["kind"] in {kind.value for kind in ConflictKind}
        and (pair := _pair((edge["left"], edge["right"]))) not in twins
    }
    apart = {_pair((edge["left"], edge["right"])) for edge in record["edges"]}
    pairs = [_pair(pair) for pair in combinations(sorted(ids), 2)]
    others = [pair for pair in pairs if pair not in edges]
    lot = random.Random(_SEED)
    asked = [pair for pair in pairs if pair in edges]
    asked += lot.sample(others, min(len(others), max(checked_max - len(asked), 0)))
    start = time.perf_counter()
    questions = {
        pair: Merge(" ".join(pair), commits[ids[pair[0]]], commits[ids[pair[1]]]) for pair in asked
    }
    answers = history.merge_results(list(questions.values()))
    secs = time.perf_counter() - start
    clean = {pair: answers[merge].clean for pair, merge in questions.items() if merge in answers}
    return Checked(
        live=len(ids),
        pairs=len(pairs),
        checked=len(asked),
        conflicts=sum(not each for each in clean.values()),
        missed=tuple(
            (ids[left], ids[right])
            for (left, right), merges in clean.items()
            if not merges and (left, right) not in apart
        ),
        invented=tuple(
            (ids[left], ids[right])
            for (left, right), merges in clean.items()
            if merges and (left, right) in edges
        ),
        secs=secs,
        unanswered=len(asked) - len(clean),
    )


def _pair(bundles: Sequence[str]) -> tuple[str, str]:
    left, right = sorted(bundles)
    return left, right


def _on_tip(history: GitHistory, tip: str, heads: Sequence[str]) -> dict[str, str]:
    """Commits on the tip with what merging each head onto it gives, as git itself has it."""
    merges = [Merge(head, tip, head) for head in heads]
    commits = {}
    for merge, answer in history.merge_results(merges).items():
        if answer.clean:
            made = history.git("commit-tree", answer.tree, "-p", tip, "-m", merge.commit)[1]
            commits[merge.commit] = made.strip()
    return commits


if __name__ == "__main__":
    main()
