"""What is decided on a bundle without comparing it with the others: damage, locks, staleness.

Pure. It must not know the selection.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentd.conflicts.bundles.bundle import SourceKind
from agentd.conflicts.decisions import Action, Decision, Reason, Why, decide_unfit
from agentd.conflicts.findings import FindingKind, Severity
from agentd.conflicts.freshness import Freshness, Placed
from agentd.conflicts.holding import HeldLock, Holdings
from agentd.conflicts.policy.policy import Policy


def decide_singly(
    each: Placed, placed: Sequence[Placed], policy: Policy, holdings: Holdings
) -> Decision | None:
    """The decision on a bundle that takes no part in the selection; None where it does."""
    bundle_id = each.candidate.bundle_id
    errors = [found for found in each.all_findings if found.severity is Severity.ERROR]
    if errors:
        return decide_unfit(bundle_id, errors)
    blocking = _blocking_lock(each, placed, holdings)
    if blocking is not None:
        return Decision(bundle_id, Action.WAIT, (_lock_reason(blocking),))
    if each.candidate.tree is None:
        return _without_change(each, holdings)
    if each.freshness is Freshness.STALE_CLEAN and not policy.freshness.allow_stale_clean:
        stale = each.findings[0]
        reason = Reason(Why.STALE_BASE, stale.message, stale.evidence)
        return Decision(bundle_id, Action.REBASE, (reason,))
    return None


def is_closed(each: Placed) -> bool:
    """Whether nothing is to be decided: only the journal names it, and it has landed, or it was no
    more than what the holder of a lock that has ended had in mind."""
    kinds = {source.kind for source in each.candidate.bundle.sources}
    if kinds == {SourceKind.PAST_LOCK} and any(
        found.kind is FindingKind.NO_CHANGE_ATTACHED for found in each.all_findings
    ):
        return True
    remembered = {SourceKind.LOCK, SourceKind.PAST_LOCK, SourceKind.EVENT}
    return each.freshness is Freshness.ALREADY_IN_TARGET and kinds <= remembered


def _blocking_lock(each: Placed, placed: Sequence[Placed], holdings: Holdings) -> HeldLock | None:
    """A live lock of somebody over its paths whose change is not here to be compared with."""
    owner = each.candidate.bundle.owner
    for lock in holdings.held_against(owner, each.candidate.paths):
        handed_in = any(
            other.mergeable
            and other.candidate.bundle.owner == lock.owner
            and any(lock.covers(path) for path in other.candidate.paths)
            for other in placed
        )
        if not handed_in or each.candidate.tree is None:
            return lock
    return None


def _lock_reason(lock: HeldLock) -> Reason:
    return Reason(
        Why.LOCK_HELD,
        f"{lock.owner} ({lock.provider}) holds {lock.in_words}; wait for its change, or "
        "hand in yours without that path.",
        {"holder": lock.to_json()},
    )


def _without_change(each: Placed, holdings: Holdings) -> Decision:
    bundle, bundle_id = each.candidate.bundle, each.candidate.bundle_id
    held = holdings.live(bundle.owner, bundle.touched_paths)
    keeps = f"It keeps {held.resource_key} and has" if held else "It has"
    reason = Reason(
        Why.NO_CHANGE_YET,
        f"{keeps} handed in no change yet; hand it in with `agentd-coord bundle`, or as `patch`, "
        "`head_revision` or `worktree`.",
        {"holder": held.to_json() if held else None},
    )
    return Decision(bundle_id, Action.WAIT, (reason,))
