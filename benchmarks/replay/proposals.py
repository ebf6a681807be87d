"""How often a proposal by entity is what people made of the same conflict, in real history.

    python -m benchmarks.replay.proposals --clones DIR [--repo NAME] [--limit N] [--out FILE]

Looks at the merge commits of each clone below DIR whose parents conflict by content over one merge
base, proposes a merge for each file that conflicts, and holds what passes the gates against the
file in the merge commit. Each triple of contents counts once. What is mechanical is also counted by
itself. A whole proposal is one with all the files that conflict, which is what `propose` offers; it
counts as its farthest file does. Downloads nothing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

from agentd.conflicts.git.names import CommitId, TreeId
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.git.repository import Repository
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.proposals.broken_names import broken_names
from agentd.conflicts.proposals.conflicting import read_conflict, with_contents
from agentd.conflicts.proposals.entities import Merged, merge_entities
from agentd.conflicts.proposals.gates import check_file
from agentd.conflicts.proposals.sides import Conflict, FileSides, Party
from agentd.errors import AgentdError
from benchmarks.replay.git_history import GitHistory, Merge
from benchmarks.replay.people import Likeness, compare

Trees: TypeAlias = tuple[TreeId, TreeId, TreeId]
_BATCH: Final = 200
_SIDES: Final = (Party(None, "left", ""), Party(None, "right", ""))


class Outcome(StrEnum):
    """What became of a file that conflicts, where it was not proposed."""

    DECLINED = "declined"
    REFUSED = "refused by a gate"


@dataclass(frozen=True, slots=True)
class Judged:
    """One file of one merge."""

    commit: str
    sides: FileSides
    outcome: Outcome | Likeness
    reason: str = ""
    proposed: bytes = b""
    person: bytes = b""
    doubt: str | None = None
    """Why what is proposed is plausible only."""


@dataclass(frozen=True, slots=True)
class JudgedMerge:
    """One merge with those of its files that did not come up before."""

    files: tuple[Judged, ...]
    whole: Outcome | Likeness
    """What became of all its files together."""


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clones", type=Path, required=True, help="directory with the clones")
    parser.add_argument("--repo", action="append", help="only clones whose path has this in it")
    parser.add_argument("--limit", type=int, default=0, help="so many merges of each clone only")
    parser.add_argument("--out", type=Path, help="where each file goes, as JSON lines")
    arguments = parser.parse_args()
    total: Counter[str] = Counter()
    wholes: Counter[str] = Counter()
    sure: Counter[str] = Counter()
    print(_row("clone", [str(each) for each in _COLUMNS]))
    for clone in _clones(arguments.clones):
        if arguments.repo and not any(name in str(clone) for name in arguments.repo):
            continue
        tally: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        mechanical: Counter[str] = Counter()
        for merge in judge(clone, arguments.limit):
            whole[merge.whole] += 1
            for judged in merge.files:
                tally[judged.outcome] += 1
                mechanical[Outcome.DECLINED if judged.doubt else judged.outcome] += 1
                if arguments.out is not None:
                    _write(arguments.out, clone, judged)
        name = str(clone.relative_to(arguments.clones)).removesuffix("/repo")
        print(_row(name, _cells(tally)), flush=True)
        print(_row(f"{name}, mechanical", _cells(mechanical)), flush=True)
        print(_row(f"{name}, whole", _cells(whole)), flush=True)
        total += tally
        sure += mechanical
        wholes += whole
    print(_row("all", _cells(total)))
    print(_row("all, mechanical", _cells(sure)))
    print(_row("all, whole", _cells(wholes)))


_COLUMNS: Final = ("conflicts", "proposed", *(each.value for each in Likeness))


def _cells(tally: Counter[str]) -> list[str]:
    proposed = sum(tally[each] for each in Likeness)
    counts = [tally[each] for each in Likeness]
    return [str(each) for each in (tally.total(), proposed, *counts)]


def _row(name: str, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _clones(directory: Path) -> Iterator[Path]:
    """The git directories below a directory."""
    for objects in sorted(directory.glob("**/objects")):
        if (objects.parent / "HEAD").exists():
            yield objects.parent


def judge(clone: Path, limit: int = 0) -> Iterator[JudgedMerge]:
    """Every merge of a clone with files that conflict and did not come up before."""
    seen: set[tuple[str, bytes, bytes, bytes]] = set()
    with tempfile.TemporaryDirectory(prefix="agentd-replay-") as directory:
        history = GitHistory(clone, Path(directory) / "objects")
        git = GitProcess()
        quarantine = Quarantine(Path(directory), Repository(clone, git), git)
        for merge, base in _conflicting(history, limit):
            judged = _judged_merge(quarantine, base, merge)
            new = []
            for each in judged:
                key = (each.sides.path, each.sides.base, each.sides.left, each.sides.right)
                if key not in seen:
                    seen.add(key)
                    new.append(each)
            if new:
                yield JudgedMerge(tuple(new), max((each.outcome for each in judged), key=_rank))
        history.close()


def _rank(outcome: Outcome | Likeness) -> int:
    return [*Likeness, *Outcome].index(outcome)


def _judged_merge(quarantine: Quarantine, base: str, merge: Merge) -> list[Judged]:
    """All files of one merge that conflict, where people kept them."""
    trees = _trees(quarantine, base, merge)
    conflict = _conflict(quarantine, trees) if trees is not None else None
    if trees is None or conflict is None:
        return []
    judged = [
        _judged(merge.commit, sides, person)
        for sides in conflict.files
        if (person := quarantine.blob_at(merge.commit, sides.path)) is not None
    ]
    if len(judged) < len(conflict.files) or not all(
        isinstance(each.outcome, Likeness) for each in judged
    ):
        return judged
    broken = _broken(quarantine, trees, conflict, judged)
    if broken is not None:
        return [replace(each, outcome=Outcome.REFUSED, reason=broken) for each in judged]
    return judged


def _broken(
    quarantine: Quarantine, trees: Trees, conflict: Conflict, judged: Sequence[Judged]
) -> str | None:
    """What the symbol guard has against a whole proposal; nothing where files are missing."""
    contents = {each.sides.path: each.proposed for each in judged}
    try:
        tree = with_contents(quarantine, conflict.merged, contents)
        owners = conflict.left.owner, conflict.right.owner
        refusals = broken_names(quarantine, trees, tree, owners)
    except AgentdError:
        return None
    return f"{refusals[0].gate}: {refusals[0].message}" if refusals else None


def _conflicting(history: GitHistory, limit: int) -> Iterator[tuple[Merge, str]]:
    """The merges with one base that git does not find clean, each with its base."""
    merges = list(history.merges())[: limit or None]
    for start in range(0, len(merges), _BATCH):
        batch = merges[start : start + _BATCH]
        clean = history.clean_trees(batch)
        for merge in batch:
            if merge in clean:
                continue
            bases = history.merge_bases(merge.left, merge.right)
            if len(bases) == 1 and bases[0] not in (merge.left, merge.right):
                yield merge, bases[0]


def _trees(quarantine: Quarantine, base: str, merge: Merge) -> Trees | None:
    """Base, left and right; None where the clone lacks an object."""
    try:
        trees = quarantine.trees_of([CommitId(each) for each in (base, merge.left, merge.right)])
        first, second, third = trees.values()
    except (AgentdError, ValueError):
        return None
    return first, second, third


def _conflict(quarantine: Quarantine, trees: Trees) -> Conflict | None:
    """What conflicts by content; None where it is another kind, or the clone lacks an object."""
    try:
        found = read_conflict(quarantine, Merger(quarantine), trees, *_SIDES)
    except (AgentdError, ValueError):
        return None
    return found if isinstance(found, Conflict) else None


def _judged(commit: str, sides: FileSides, person: bytes) -> Judged:
    merged = merge_entities(sides)
    if not isinstance(merged, Merged):
        return Judged(commit, sides, Outcome.DECLINED, merged.reason)
    refusals = check_file(sides, merged.content)
    if refusals:
        reason = f"{refusals[0].gate}: {refusals[0].message}"
        return Judged(commit, sides, Outcome.REFUSED, reason, merged.content, person)
    likeness = compare(sides, merged, person)
    kinds = ",".join(merged.kinds)
    return Judged(commit, sides, likeness, kinds, merged.content, person, merged.doubt)


def _write(out: Path, clone: Path, judged: Judged) -> None:
    shown = {
        "clone": str(clone),
        "commit": judged.commit,
        "path": judged.sides.path,
        "outcome": judged.outcome.value,
        "reason": judged.reason,
        "doubt": judged.doubt,
    }
    if judged.outcome is Outcome.DECLINED:
        texts = {}
    else:
        texts = {"proposed": judged.proposed, "person": judged.person}
    with out.open("a") as lines:
        shown |= {name: text.decode("utf-8", "replace") for name, text in texts.items()}
        lines.write(json.dumps(shown) + "\n")


if __name__ == "__main__":
    main()
