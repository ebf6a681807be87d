"""How well the symbol guard finds silent conflicts in real history, and how often it errs.

    python -m benchmarks.replay.semantic --clones DIR --cases semantic.jsonl
    python -m benchmarks.replay.semantic --rate CLONE [--limit N] [--secs S] [--out FLAGGED.jsonl]

The first runs it over recorded merges (JSON lines with repo, base, left, right, label and levels)
in clones found below DIR; the second over all clean merges of two parents of one clone, and writes
what it flags, for somebody to judge. Downloads nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from agentd.conflicts.symbols.findings import GuardResult
from agentd.conflicts.symbols.guard import SymbolGuard
from agentd.conflicts.symbols.summary_cache import SummaryCache
from benchmarks.replay.git_history import GitHistory, Merge

_STRONG = {"S1", "S2", "S4", "S5", "parse"}
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
    parser.add_argument("--out", type=Path, help="where flagged merges go, as JSON lines")
    parser.add_argument("--cache", type=Path, help="directory that keeps summaries between runs")
    arguments = parser.parse_args()
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
                out=arguments.out,
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
            print(f"    {finding.level.value} {finding.message}")
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
    out: Path | None,
) -> None:
    """Runs the guard over the clean merges of a clone, newest first, and prints how many it flags.

    `secs` ends it before all are seen, or `limit` with so many merges, clean or not.
    """
    found = find_clone(clone.parent, clone.name) or clone
    history = GitHistory(found, scratch)
    tally: Counter[str] = Counter()
    flagged = out.open("w") if out is not None else None
    started = time.monotonic()
    guard = SymbolGuard(history, cache)
    for count, (merge, base, tree) in enumerate(_clean_merges(history, limit, tally)):
        if time.monotonic() - started > secs:
            break
        if count % _KEPT == 0:
            guard = SymbolGuard(history, cache)  # Lets go of the summaries of long ago.
        result = look(history, guard, base, merge, tree)
        tally["clean"] += 1
        tally[f"grade {result.grade.value}"] += 1
        levels = {finding.level.value for finding in result.findings}
        tally.update(f"level {level}" for level in levels)
        if result.blocking:
            tally["strong"] += 1
            print(f"{merge.commit} {base[:12]} {merge.left[:12]} {merge.right[:12]}", flush=True)
            for finding in result.blocking[:20]:
                print(f"    {finding.level.value} {finding.message}", flush=True)
            if flagged is not None:
                messages = [[each.level.value, each.message] for each in result.blocking]
                flagged.write(json.dumps({"merge": merge.commit, "findings": messages}) + "\n")
                flagged.flush()
    if flagged is not None:
        flagged.close()
    history.close()
    for key, count in sorted(tally.items()):
        print(f"{count:7}  {key}")
    clean = max(tally["clean"], 1)
    rate = tally["strong"] * 10_000 / clean
    print(f"{rate:.1f} of 10,000 clean merges flagged; {time.monotonic() - started:.0f} s")


def _clean_merges(
    history: GitHistory, limit: int, tally: Counter[str]
) -> Iterator[tuple[Merge, str, str]]:
    """The merges with one base that git finds clean, each with its base and tree."""
    merges = list(history.merges())[: limit or None]
    for start in range(0, len(merges), _BATCH):
        bases = {}
        for merge in merges[start : start + _BATCH]:
            found = history.merge_bases(merge.left, merge.right)
            if len(found) != 1 or found[0] in (merge.left, merge.right):
                tally["no or several bases, or one side only"] += 1
            else:
                bases[merge] = found[0]
        clean = history.clean_trees(list(bases))
        for merge, base in bases.items():
            if merge in clean:
                yield merge, base, clean[merge]
            else:
                tally["conflict"] += 1


if __name__ == "__main__":
    main()
