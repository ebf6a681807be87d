"""Brings a stale bundle onto the target's tip, where git merges it cleanly and nowhere else.

What comes out is a new bundle: another base, another id, and nothing verified. A bundle that
conflicts, by lines or by names, goes back with the evidence; nothing is resolved here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

from agentd.conflicts.bundles.admission import Admission, Candidate
from agentd.conflicts.bundles.submission import Submission
from agentd.conflicts.bundles.superseding import stands_for
from agentd.conflicts.findings import BundleId, Finding, FindingKind
from agentd.conflicts.freshness import Freshness, Placed, place
from agentd.conflicts.git.names import CommitId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.merges.attributes import merge_attributes
from agentd.conflicts.merges.merging import Merger
from agentd.conflicts.policy.policy import Policy
from agentd.conflicts.proposals.offer import Offer, make_offer
from agentd.conflicts.symbols.summary_cache import SummaryCache
from agentd.conflicts.target_symbols import with_target_symbols


@dataclass(frozen=True, slots=True)
class Rebased:
    """A bundle that could be brought onto the tip."""

    original: BundleId
    offer: Offer
    finding: Finding
    """How far the original is behind, and which commits touched its paths since."""


@dataclass(frozen=True, slots=True)
class NotRebased:
    """A bundle for which there is nothing to offer."""

    original: BundleId
    freshness: Freshness
    findings: tuple[Finding, ...]
    """Why; empty where the bundle is in step with the target already."""


def rebase(
    submission: Submission, quarantine: Quarantine, tip: CommitId, policy: Policy
) -> Rebased | NotRebased:
    """The bundle on the tip, or why there is none."""
    (candidate,) = Admission(quarantine, policy).admit([submission])
    placed = _placed(candidate, quarantine, tip, policy)
    original = candidate.bundle_id
    if candidate.errors:
        return NotRebased(original, Freshness.UNKNOWN, candidate.errors)
    match placed.freshness:
        case Freshness.IN_STEP:
            return NotRebased(original, placed.freshness, ())
        case Freshness.STALE_CONFLICTING | Freshness.ALREADY_IN_TARGET:
            return NotRebased(original, placed.freshness, placed.findings)
        case Freshness.UNKNOWN:
            return NotRebased(original, placed.freshness, candidate.findings)
        case Freshness.STALE_CLEAN:
            assert placed.tree is not None, "a clean merge has a tree"
            broken = tuple(f for f in placed.findings if f.kind is FindingKind.STALE_SYMBOLS)
            if broken:
                return NotRebased(original, placed.freshness, broken)
            said = _said(candidate)
            offer = make_offer(quarantine, tip, placed.tree, said)
            return Rebased(original, offer, placed.findings[0])
    assert_never(placed.freshness)


def _placed(candidate: Candidate, quarantine: Quarantine, tip: CommitId, policy: Policy) -> Placed:
    paths = candidate.paths if candidate.tree is not None else ()
    attributes = merge_attributes(quarantine, quarantine.tree_of(tip), paths, policy)
    merger = Merger(quarantine, attributes)
    everything = place([candidate], quarantine, tip, merger, allow_stale_clean=True)
    (placed,) = with_target_symbols(
        everything,
        quarantine,
        tip,
        merger,
        SummaryCache(quarantine.summaries_file),
        allow_stale_clean=True,
    )
    return placed


def _said(candidate: Candidate) -> dict[str, Any]:
    """What the new bundle says: the old one's words without its claims, and where it comes from."""
    bundle = candidate.bundle
    return {
        **bundle.extra,
        "owner": bundle.owner,
        "provider": bundle.provider,
        "intent": bundle.intent,
        "assumptions": list(bundle.assumptions),
        "confidence": bundle.confidence,
        "alternative_of": bundle.alternative_of,
        "task_id": bundle.task_id,
        "node_id": bundle.node_id,
        "enforcement": bundle.enforcement,
        "derived_from": {
            "bundle_id": candidate.bundle_id,
            "base_revision": f"git:{candidate.base}",
        },
        "supersedes": stands_for(candidate),
    }
