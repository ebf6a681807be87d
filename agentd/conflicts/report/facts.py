"""A review record as the report reads it: bundles numbered, pairs drawn together, names resolved.

Pure. It decides what belongs together; it must not know how anything looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agentd.conflicts.report.reading import (
    Json,
    number_of,
    object_of,
    objects_of,
    seconds_of,
    text_of,
    texts_of,
)

ACTIONS: Final = ("merge", "rebase", "wait", "reject", "escalate")
"""In the order in which they are shown."""
CONFLICTS_APART: Final = ("alternatives", "identical_change", "declared_overlap")
"""Findings on pairs of bundles that are no collision of two changes."""
THE_TARGET: Final = "the target"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a bundle got its action."""

    why: str
    message: str
    evidence: Json


@dataclass(frozen=True, slots=True)
class Change:
    """What a bundle does to one file."""

    status: str
    path: str
    old_path: str
    additions: int
    deletions: int
    binary: bool
    old_mode: str = ""
    new_mode: str = ""

    @property
    def only_mode(self) -> bool:
        """Whether the file stays as it is but for its mode."""
        same = self.status == "M" and not self.binary and not self.additions + self.deletions
        return same and self.old_mode != self.new_mode

    @property
    def size(self) -> str:
        """How much it changes, in a few characters."""
        if "160000" in (self.old_mode, self.new_mode):
            return "submodule"
        if self.binary:
            return "binary"
        return "mode" if self.only_mode else f"+{self.additions} −{self.deletions}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle with its decision."""

    number: int
    bundle_id: str
    name: str
    """The owner, told apart from others of the same name."""
    provider: str
    action: str
    """Empty for one about which nothing is decided."""
    reasons: tuple[Reason, ...]
    changes: tuple[Change, ...]
    paths: tuple[str, ...]
    additions: int
    deletions: int
    data: Json
    """The record's own, for what is only shown."""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Two bundles that exclude one another, by however many edges."""

    left: str
    right: str
    kinds: tuple[str, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HunkSide:
    """What one side makes of the lines."""

    start: int
    removed: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hunk:
    """Two hunks that meet."""

    path: str
    touch: str
    line: int
    left: HunkSide
    right: HunkSide


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was noticed."""

    kind: str
    severity: str
    message: str
    bundles: tuple[str, ...]
    path: str
    symbol: str
    evidence: Json
    hunks: tuple[Hunk, ...]

    @property
    def is_conflict(self) -> bool:
        """Whether two changes collide in it: two bundles', or a bundle's and the target's."""
        if self.hunks:
            return True
        return (
            self.severity == "error"
            and len(self.bundles) == 2
            and self.kind not in CONFLICTS_APART
            and not self.kind.startswith(("verification_", "ledger_"))
        )


@dataclass(frozen=True, slots=True)
class Run:
    """A command on a tree, held against the bare target."""

    command: str
    name: str
    status: str
    verdict: str
    baseline: str
    tree: str
    exit_code: str
    seconds: float | None
    output: str
    data: Json


@dataclass(frozen=True, slots=True)
class Review:
    """The whole record."""

    review_id: str
    bundles: tuple[Bundle, ...]
    closed: tuple[Bundle, ...]
    pairs: tuple[Pair, ...]
    findings: tuple[Finding, ...]
    runs: tuple[Run, ...]
    integration: Json
    data: Json
    by_id: Mapping[str, Bundle] = field(default_factory=dict)

    @property
    def conflicts(self) -> tuple[Finding, ...]:
        """The findings in which two changes collide; those between two losers come last."""
        found = [each for each in self.findings if each.is_conflict]
        return tuple(sorted(found, key=self._is_between_losers))

    def _is_between_losers(self, finding: Finding) -> bool:
        sides = [self.by_id[each].action for each in finding.bundles if each in self.by_id]
        return len(sides) > 1 and "merge" not in sides

    def counts(self) -> dict[str, int]:
        """Action to how many bundles have it; actions that nobody has are left out."""
        found = [bundle.action for bundle in self.bundles]
        unknown = sorted({action for action in found if action and action not in ACTIONS})
        return {each: found.count(each) for each in (*ACTIONS, *unknown) if each in found}

    def sides(self, finding: Finding) -> tuple[Bundle | None, Bundle | None]:
        """The two bundles of a conflict; None stands for the target."""
        known = [self.by_id.get(each) for each in finding.bundles[:2]]
        left, right = (*known, None, None)[:2]
        return left, right


def read_review(record: Json) -> Review:
    """Everything that the report shows, in the order in which it shows it."""
    decisions = {text_of(each, "bundle_id"): each for each in objects_of(record, "decisions")}
    open_ones = objects_of(record, "bundles")
    closed_ones = objects_of(record, "closed")
    known = {text_of(each, "bundle_id") for each in (*open_ones, *closed_ones)}
    for missing in decisions.keys() - known:
        open_ones.append({"bundle_id": missing, "owner": missing})
    open_ones.sort(key=lambda each: _place(each, decisions))
    names = _names([*open_ones, *closed_ones])
    everything = [
        _bundle(number, each, names, decisions, closed=number > len(open_ones))
        for number, each in enumerate((*open_ones, *closed_ones), 1)
    ]
    return Review(
        review_id=text_of(record, "review_id", "?"),
        bundles=tuple(each for each in everything if not each.closed),
        closed=tuple(each for each in everything if each.closed),
        pairs=_pairs(objects_of(record, "edges"), {each.bundle_id for each in everything}),
        findings=tuple(_finding(each) for each in objects_of(record, "findings")),
        runs=tuple(_run(each) for each in objects_of(record, "verification")),
        integration=object_of(record, "integration"),
        data=record,
        by_id={each.bundle_id: each for each in everything},
    )


def _place(bundle: Json, decisions: Mapping[str, Json]) -> tuple[int, str, str]:
    identity = text_of(bundle, "bundle_id")
    action = text_of(decisions.get(identity, {}), "action")
    rank = ACTIONS.index(action) if action in ACTIONS else len(ACTIONS)
    return rank, text_of(bundle, "owner").casefold(), identity


def _names(bundles: Sequence[Json]) -> dict[str, str]:
    owners = [text_of(each, "owner") for each in bundles]
    return {
        text_of(each, "bundle_id"): owner
        if owner and owners.count(owner) == 1
        else f"{owner} ({text_of(each, 'bundle_id')[:10]})".strip()
        for each, owner in zip(bundles, owners, strict=True)
    }


def _bundle(
    number: int,
    data: Json,
    names: Mapping[str, str],
    decisions: Mapping[str, Json],
    *,
    closed: bool,
) -> Bundle:
    identity = text_of(data, "bundle_id")
    decision = decisions.get(identity, {})
    changes = tuple(_change(each) for each in objects_of(data, "changes"))
    return Bundle(
        number=number,
        bundle_id=identity,
        name=names[identity],
        provider=text_of(data, "provider"),
        action=text_of(decision, "action"),
        reasons=tuple(
            Reason(text_of(each, "reason"), text_of(each, "message"), object_of(each, "evidence"))
            for each in objects_of(decision, "reasons")
        ),
        changes=changes,
        paths=texts_of(data, "paths") or texts_of(data, "declared_paths"),
        additions=number_of(data, "additions"),
        deletions=number_of(data, "deletions"),
        data=data,
        closed=closed,
    )


def _change(data: Json) -> Change:
    return Change(
        text_of(data, "status"),
        text_of(data, "path"),
        text_of(data, "old_path"),
        number_of(data, "additions"),
        number_of(data, "deletions"),
        data.get("binary") is True,
        text_of(data, "old_mode"),
        text_of(data, "new_mode"),
    )


def _pairs(edges: Sequence[Json], known: set[str]) -> tuple[Pair, ...]:
    found: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for edge in edges:
        left, right = sorted((text_of(edge, "left"), text_of(edge, "right")))
        if left == right or not {left, right} <= known:
            continue
        kinds, paths = found.setdefault((left, right), ([], []))
        kinds.append(text_of(edge, "kind"))
        paths += texts_of(edge, "paths")
    return tuple(
        Pair(left, right, tuple(dict.fromkeys(kinds)), tuple(dict.fromkeys(paths)))
        for (left, right), (kinds, paths) in found.items()
    )


def _finding(data: Json) -> Finding:
    evidence = object_of(data, "evidence")
    return Finding(
        kind=text_of(data, "kind"),
        severity=text_of(data, "severity"),
        message=text_of(data, "message"),
        bundles=texts_of(data, "bundles"),
        path=text_of(data, "path"),
        symbol=text_of(data, "symbol"),
        evidence=evidence,
        hunks=tuple(_hunk(each) for each in objects_of(evidence, "hunks")),
    )


def _hunk(data: Json) -> Hunk:
    return Hunk(
        path=text_of(data, "path"),
        touch=text_of(data, "touch"),
        line=number_of(object_of(data, "base"), "start"),
        left=_side(object_of(data, "left")),
        right=_side(object_of(data, "right")),
    )


def _side(data: Json) -> HunkSide:
    return HunkSide(
        number_of(data, "old_start"), texts_of(data, "removed"), texts_of(data, "added")
    )


def _run(data: Json) -> Run:
    command = text_of(data, "command")
    return Run(
        command=command,
        name=text_of(data, "name") or command,
        status=text_of(data, "status"),
        verdict=text_of(data, "verdict"),
        baseline=text_of(data, "baseline_status"),
        tree=text_of(data, "tree"),
        exit_code=text_of(data, "exit_code"),
        seconds=seconds_of(data, "seconds"),
        output=text_of(data, "output_tail"),
        data=data,
    )
