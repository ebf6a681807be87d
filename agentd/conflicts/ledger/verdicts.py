"""What follows from what the ledger finds: findings, and reasons against bundles. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentd.conflicts.decisions import Reason, Why
from agentd.conflicts.findings import BundleId, Finding, FindingKind, Severity
from agentd.conflicts.ledger.books import Discrepancy

_SHOWN: Final = 20


def ledger_findings(discrepancies: Sequence[Discrepancy]) -> list[Finding]:
    """What the ledger found, as findings."""
    return [
        Finding(
            FindingKind.LEDGER_MISMATCH,
            Severity.ERROR,
            f"In {found.path}: {found.problem}; this combination was not taken, so compare its "
            "trees and merge by hand.",
            found.bundles,
            found.path,
            evidence=found.to_json(),
        )
        for found in discrepancies
    ]


def unaccounted_reason(
    discrepancies: Sequence[Discrepancy], partners: Sequence[BundleId] = (), names: str = ""
) -> Reason:
    """Why a bundle is held back with which, together with its partners, not all is accounted for.

    `names` are the partners' owners.
    """
    first = discrepancies[0]
    together = f"Merged together with {names}, the" if names else "The merged"
    return Reason(
        Why.LEDGER_MISMATCH,
        f"{together} result does not account for every line ({first.path}: {first.problem}); a "
        "person has to look at it.",
        {
            "discrepancies": [each.to_json() for each in discrepancies[:_SHOWN]],
            "partners": list(partners),
        },
    )
