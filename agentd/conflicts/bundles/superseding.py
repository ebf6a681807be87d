"""Leaves out what a named bundle stands for: it says so, and its user put it there.

Only a bundle that the user names can take others' places, those of other named ones as well; what
agents hand in by themselves cannot. What is left out is told in a finding, so that nothing
disappears unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentd.conflicts.bundles.admission import Admission, Candidate
from agentd.conflicts.bundles.bundle import SourceKind
from agentd.conflicts.bundles.submission import Submission
from agentd.conflicts.findings import FindingKind, warning
from agentd.conflicts.holding import Holdings


def superseded(submission: Submission) -> frozenset[str]:
    """The ids of the bundles that one says that it stands for."""
    said = submission.bundle.extra.get("supersedes")
    return frozenset(str(each) for each in said) if isinstance(said, list | tuple) else frozenset()


def stands_for(candidate: Candidate) -> list[str]:
    """What a new bundle supersedes that is made of this one.

    That is this one, and those whose places it takes itself: only a file's word counts for that.
    """
    named = any(source.kind is SourceKind.BUNDLE_FILE for source in candidate.bundle.sources)
    return [candidate.bundle_id, *(sorted(superseded(candidate.submission)) if named else ())]


def leave_out_superseded(
    named: Sequence[Submission],
    collected: Sequence[Submission],
    holdings: Holdings,
    admission: Admission,
) -> tuple[tuple[Submission, ...], Holdings]:
    """All submissions of a review without those that a named one stands for, and the locks left.

    Locks of an owner who has no bundle left were for the work that another bundle now holds.
    """
    if not any(superseded(each) for each in named):
        return (*named, *collected), holdings
    ours = admission.admit(named)
    theirs = admission.admit(collected)
    gone = _stood_for(ours)
    out = [each for each in (*ours, *theirs) if each.bundle_id in gone]
    if not out:
        return (*named, *collected), holdings
    told = [_telling(each.submission, out) for each in ours if each.bundle_id not in gone]
    kept = [each.submission for each in theirs if each.bundle_id not in gone]
    owners = {each.bundle.owner for each in out} - {each.bundle.owner for each in (*told, *kept)}
    locks = tuple(lock for lock in holdings.locks if lock.owner not in owners)
    return (*told, *kept), Holdings(locks)


def _stood_for(named: Sequence[Candidate]) -> set[str]:
    """Whose places are taken, by those whose own nobody takes.

    Named ones that stand for one another in a circle all stay: somebody has to be there.
    """
    says = {str(each.bundle_id): superseded(each.submission) for each in named}
    says = {bundle: others - {bundle} for bundle, others in says.items()}
    waiting = list(says.keys() - frozenset[str]().union(*says.values()))
    gone: set[str] = set()
    while waiting:
        fresh = says.get(waiting.pop(), frozenset()) - gone
        gone |= fresh
        waiting += fresh
    return gone


def _telling(submission: Submission, out: Sequence[Candidate]) -> Submission:
    own = [each for each in out if each.bundle_id in superseded(submission)]
    if not own:
        return submission
    whose = " and ".join(f"{each.bundle_id} of {each.bundle.owner}" for each in own)
    found = warning(
        FindingKind.SUPERSEDES,
        f"It says that it stands for {whose}, which this review leaves out; name the bundle only "
        "if that is so.",
    )
    return replace(submission, findings=(*submission.findings, found))
