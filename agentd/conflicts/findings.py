"""What the referee found: the closed set of kinds, and the value that carries one.

A finding states a fact about a bundle or a pair of them and tells what to do next; what follows
from it for a bundle is the decision's business. Pure: knows no git and no policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType, TypeAlias

BundleId = NewType("BundleId", str)
"""`b-` and 20 hex digits of a digest of what the bundle says and does."""

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
JsonObject: TypeAlias = Mapping[str, JsonValue]


class Severity(StrEnum):
    """How much a finding weighs."""

    INFO = "info"
    """Worth knowing; changes nothing."""
    WARNING = "warning"
    """Somebody should look, but the bundle is judged on."""
    ERROR = "error"
    """Keeps the bundle, or one of the bundles, from merging."""


class FindingKind(StrEnum):
    """Every kind of finding."""

    # A bundle by itself: what it says.
    BAD_FIELD = "bad_field"
    MISDECLARED = "misdeclared"
    CLAIMED_FAILURE = "claimed_failure"
    SUPERSEDES = "supersedes"
    """Others are left out because it says that it stands for them."""
    ASSUMPTION_FALSE = "assumption_false"
    ASSUMPTION_OUTDATED = "assumption_outdated"
    """It was true at the base, and is not at the target."""
    ASSUMPTION_UNREADABLE = "assumption_unreadable"
    ASSUMPTION_UNCHECKED = "assumption_unchecked"
    # Where it starts from.
    UNKNOWN_BASE = "unknown_base"
    BASE_ASSUMED = "base_assumed"
    MOVING_BASE = "moving_base"
    STALE_CLEAN = "stale_clean"
    STALE_CONFLICT = "stale_conflict"
    STALE_SYMBOLS = "stale_symbols"
    """git merges it, but what the target did since its base and what it does differ by names."""
    TARGET_MOVED = "target_moved"
    """While the review ran; nothing of that touches the bundle's paths or names."""
    # Its change cannot be had, or is none.
    NO_CHANGE_ATTACHED = "no_change_attached"
    CHANGE_UNREADABLE = "change_unreadable"
    UNKNOWN_REVISION = "unknown_revision"
    PATH_OUTSIDE_REPOSITORY = "path_outside_repository"
    OBJECTS_UNREADABLE = "objects_unreadable"
    """git cannot read what it is made of, or not in time; no verdict on the change."""
    MALFORMED_TREE = "malformed_tree"
    UNRESOLVED_MERGE = "unresolved_merge"
    EMPTY = "empty"
    ALREADY_IN_TARGET = "already_in_target"
    # Its patch is damaged or does not fit.
    DOES_NOT_APPLY = "does_not_apply"
    APPLIES_ELSEWHERE = "applies_elsewhere"
    WRONG_COUNTS = "wrong_counts"
    TRANSPORT_DAMAGED = "transport_damaged"
    NO_CONTEXT = "no_context"
    BINARY_WITHOUT_DATA = "binary_without_data"
    UNSAFE_PATH = "unsafe_path"
    # What it does is not allowed as it is.
    FORBIDDEN_PATH = "forbidden_path"
    HELD_PATH = "held_path"
    OVER_LIMIT = "over_limit"
    COMPARED_WHOLE = "compared_whole"
    """A file is too large to be compared by lines."""
    CASE_TWIN = "case_twin"
    # Two bundles.
    CONTENT_CONFLICT = "content_conflict"
    ADJACENT_CONFLICT = "adjacent_conflict"
    ADD_ADD_CONFLICT = "add_add_conflict"
    MODIFY_DELETE_CONFLICT = "modify_delete_conflict"
    RENAME_CONFLICT = "rename_conflict"
    TREE_CONFLICT = "tree_conflict"
    """A file where the other has a directory, two names that differ in case, type or mode."""
    BINARY_CONFLICT = "binary_conflict"
    SUBMODULE_CONFLICT = "submodule_conflict"
    GENERATED_TWICE = "generated_twice"
    DECLARED_OVERLAP = "declared_overlap"
    """Their declared paths meet, and one of them has no change to compare."""
    ALTERNATIVES = "alternatives"
    IDENTICAL_CHANGE = "identical_change"
    COMPOSITION_CONFLICT = "composition_conflict"
    """Each pair merges, the whole set does not."""
    SYMBOL_CONFLICT = "symbol_conflict"
    """git merges the two, but what one takes away or changes the other uses."""
    SYMBOL_DOUBT = "symbol_doubt"
    """A weak sign of the same; it blocks nothing."""
    NOT_ANALYSED = "not_analysed"
    ASSUMPTION_BROKEN = "assumption_broken"
    """One makes false what the other assumes."""
    # The combination.
    VERIFICATION_FAILED = "verification_failed"
    VERIFICATION_FLAKY = "verification_flaky"
    VERIFICATION_MISSING = "verification_missing"
    VERIFICATION_BROKEN_BEFORE = "verification_broken_before"
    LEDGER_MISMATCH = "ledger_mismatch"
    REGENERATED = "regenerated"
    REGENERATION_FAILED = "regeneration_failed"
    # The review as a whole.
    SELECTION_APPROXIMATE = "selection_approximate"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact, in a sentence that says what is wrong and what to do next."""

    kind: FindingKind
    severity: Severity
    message: str
    bundles: tuple[BundleId, ...] = ()
    path: str | None = None
    symbol: str | None = None
    evidence: JsonObject = field(default_factory=dict)

    def about(self, *bundles: BundleId) -> Finding:
        """The same finding, now that the bundles' ids are known."""
        return Finding(
            self.kind, self.severity, self.message, bundles, self.path, self.symbol, self.evidence
        )

    def to_json(self) -> dict[str, JsonValue]:
        """The finding as the record has it."""
        return {
            "kind": self.kind.value,
            "severity": self.severity.value,
            "bundles": list(self.bundles),
            "path": self.path,
            "symbol": self.symbol,
            "message": self.message,
            "evidence": dict(self.evidence),
        }


def counted(count: int, noun: str) -> str:
    """`1 commit`, `3 commits`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _path(text: str | None) -> str | None:
    """What an agent called a path, if it can be one; the message has it in any case."""
    return None if text is None or "\0" in text else text


def error(
    kind: FindingKind, message: str, path: str | None = None, **evidence: JsonValue
) -> Finding:
    """A finding that keeps its bundle from merging."""
    return Finding(kind, Severity.ERROR, message, path=_path(path), evidence=evidence)


def warning(
    kind: FindingKind, message: str, path: str | None = None, **evidence: JsonValue
) -> Finding:
    """A finding that somebody should look at."""
    return Finding(kind, Severity.WARNING, message, path=_path(path), evidence=evidence)


def info(
    kind: FindingKind, message: str, path: str | None = None, **evidence: JsonValue
) -> Finding:
    """A finding that changes nothing."""
    return Finding(kind, Severity.INFO, message, path=_path(path), evidence=evidence)
