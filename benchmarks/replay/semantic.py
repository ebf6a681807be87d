"""How well the symbol guard finds silent conflicts in real history, and how often it errs.

    python -m benchmarks.replay.semantic --clones DIR --cases semantic.jsonl
    python -m benchmarks.replay.semantic --rate CLONE [--limit N] [--secs S] [--out SEEN.jsonl]

The first runs it over recorded merges (JSON lines with repo, base, left, right, label and levels)
in clones found below DIR; the second over all clean merges of two parents of one clone, and writes
what it says of each, for somebody to judge what it flags; a run that is given the same file again
goes on where the last one ended. Downloads nothing.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agentd.conflicts.symbols.findings import GuardResult, WhichSide
from agentd.conflicts.symbols.guard import SymbolGuard
from agentd.conflicts.symbols.languages import language_of
from agentd.conflicts.symbols.migrations import new_migrations
from agentd.conflicts.symbols.sides import Side
from agentd.conflicts.symbols.summary import Language
from agentd.conflicts.symbols.summary_cache import SummaryCache
from benchmarks.replay.git_history import GitHistory, Merge

_STRONG = {"S1", "S2", "S4", "S5", "parse"}
_PARENTS = {WhichSide.LEFT: "the first parent", WhichSide.RIGHT: "the second parent"}
_KEPT = 50
_BATCH = 40
"""How many merges git is asked for at once."""


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clones", type=Path, help="directory with the clones")
    parser.add_argument("--cases", type=Path, help="JSON lines of recorded merges")
    parser.add_argument("--rate", type=Path, help="clone over whose merges the rate is measured")
    parser.add_argument("--limit", type=int, default=0, help="look at so many merges only")
    parser.add_argument("--secs", type=float, default=math.inf, help="end after so long")
    parser.add_argument("--out", type=Path, help="what was seen, as JSON lines; continued")
    parser.add_argument("--cache", type=Path, help="directory that keeps summaries between runs")
    arguments = parser.parse_args()
    gc.disable()  # It takes a third of the time, and finds little; the rate calls it by itself.
    with tempfile.TemporaryDirectory(prefix="agentd-replay-") as directory:
        cache = SummaryCache(arguments.cache or Path(directory) / "summaries")
        scratch = Path(directory) / "objects"
        if arguments.rate is not None:
            measure_rate(
                arguments.rate,
                scratch,
                cache,
                limit=arguments.limit,
                secs=arguments.secs,
                out=arguments.out or Path(directory) / "seen.jsonl",
            )
        elif arguments.cases is not None and arguments.clones is not None:
            replay_cases(arguments.clones, arguments.cases, scratch, cache)
        else:
            parser.error("give --cases with --clones, or --rate")


def find_clone(clones: Path, repo: str) -> Path | None:
    """The git directory of `owner/name` below a directory, under any of the usual names."""
    owner, _, name = repo.partition("/")
    for stem in (f"{owner}/{name}", f"{owner}+{name}/repo", f"{owner}__{name}", name):
        for candidate in (clones / stem / ".git", clones / f"{stem}.git", clones / stem):
            if (candidate / "objects").is_dir():
                return candidate
    return None


def replay_cases(clones: Path, cases: Path, scratch: Path, cache: SummaryCache) -> None:
    """Prints for every recorded merge what the guard says beside its label."""
    tally: Counter[str] = Counter()
    for line in cases.read_text().splitlines():
        case = json.loads(line)
        clone = find_clone(clones, case["repo"])
        if clone is None:
            tally["no clone"] += 1
            continue
        history = GitHistory(clone, scratch)
        merge = Merge(case["merge"], case["left"], case["right"])
        tree = history.clean_trees([merge]).get(merge)
        result = (
            None
            if tree is None
            else look(history, SymbolGuard(history, cache), case["base"], merge, tree)
        )
        history.close()
        strong = bool(result and result.blocking)
        wanted = bool(_STRONG.intersection(case["levels"])) and case["label"] == "true"
        tally[f"{case['label']}, {'strong' if wanted else 'weak or unseen'}: flagged={strong}"] += 1
        print(f"{case['id']} {case['repo']} label={case['label']} levels={case['levels']}")
        if result is None:
            print("    no clean merge")
            continue
        print(f"    grade {result.grade.value} {list(result.grade_names[:3])}")
        for finding in result.findings:
            print(f"    {finding.level.value} {finding.sentence(_PARENTS)}")
    for key, count in sorted(tally.items()):
        print(f"{count:5}  {key}")


def look(
    history: GitHistory, guard: SymbolGuard, base: str, merge: Merge, tree: str
) -> GuardResult:
    """What the guard says about one clean merge."""
    left, right = history.side(base, merge.left), history.side(base, merge.right)
    history.expect(left, right, tree)
    return guard.pair(guard.prepare(left), guard.prepare(right))


def measure_rate(
    clone: Path,
    scratch: Path,
    cache: SummaryCache,
    *,
    limit: int,
    secs: float,
    out: Path,
) -> None:
    """Runs the guard over the clean merges of a clone, newest first, and prints how many it flags.

    `secs` ends it before all are seen, or `limit` with so many merges, clean or not. Merges that
    `out` tells of are counted from there.
    """
    history = GitHistory(find_clone(clone.parent, clone.name) or clone, scratch)
    seen = _seen(out)
    tally = Counter(each["outcome"] for each in seen.values())
    started = time.monotonic()
    guard = SymbolGuard(history, cache)
    with out.open("a") as file:
        fresh = [each for each in history.merges() if each.commit not in seen]
        for count, (merge, clean) in enumerate(_clean_merges(history, fresh[: limit or None])):
            if time.monotonic() - started > secs:
                break
            if count % _KEPT == 0:
                guard = SymbolGuard(history, cache)  # Lets go of the summaries of long ago.
                gc.collect()
            outcome, findings = _judge(history, guard, merge, clean)
            tally[outcome] += 1
            line = {"merge": merge.commit, "outcome": outcome, "findings": findings}
            file.write(f"{json.dumps(line)}\n")
            file.flush()
            if findings:
                print(merge.commit, *merge.parents, flush=True)
                print(*(f"    {level} {message}" for level, message in findings), sep="\n")
    history.close()
    for key, count in sorted(tally.items()):
        print(f"{count:7}  {key}")
    counted = max(sum(tally[key] for key in ("apart", "passed", "stopped")), 1)
    rate = tally["stopped"] * 10_000 / counted
    print(f"{rate:.1f} of 10,000 clean merges stopped; {time.monotonic() - started:.0f} s")


def _judge(
    history: GitHistory, guard: SymbolGuard, merge: Merge, clean: tuple[str, str] | None
) -> tuple[str, list[tuple[str, str]]]:
    """The outcome of a merge, and what stops it; `clean` is its base and tree if git has one."""
    if clean is None:
        return "no clean merge", []
    base, tree = clean
    left, right = history.side(base, merge.left), history.side(base, merge.right)
    if not may_meet(left, right):
        return "apart", []
    history.expect(left, right, tree)
    result = guard.pair(guard.prepare(left), guard.prepare(right))
    findings = [(each.level.value, each.sentence(_PARENTS)) for each in result.blocking]
    return "stopped" if findings else "passed", findings


def may_meet(left: Side, right: Side) -> bool:
    """Whether the guard, by the paths alone, could have anything to say about two sides."""
    return bool(
        left.changes.keys() & right.changes.keys()
        or _families(left) & _families(right)
        or (new_migrations(left) and new_migrations(right))
    )


def _families(side: Side) -> set[Language]:
    return {found.family for path in side.changes if (found := language_of(path)) is not None}


def _seen(out: Path) -> dict[str, dict[str, Any]]:
    """What an earlier run wrote, by merge."""
    if not out.exists():
        return {}
    lines = map(json.loads, out.read_text().splitlines())
    return {line["merge"]: line for line in lines}


def _clean_merges(
    history: GitHistory, merges: Sequence[Merge]
) -> Iterator[tuple[Merge, tuple[str, str] | None]]:
    """Each merge with its base and tree; None unless it has one base and git finds it clean."""
    for start in range(0, len(merges), _BATCH):
        batch = merges[start : start + _BATCH]
        bases = {}
        for merge in batch:
            found = history.merge_bases(*merge.parents)
            if len(found) == 1 and found[0] not in merge.parents:
                bases[merge] = found[0]
        clean = history.clean_trees(list(bases))
        for merge in batch:
            yield merge, (bases[merge], clean[merge]) if merge in clean else None


if __name__ == "__main__":
    main()
