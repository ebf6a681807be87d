"""What the ledger says about an integration as a whole, for the record.

Pure: the books and their discrepancies in, sums out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentd.conflicts.findings import BundleId, JsonObject
from agentd.conflicts.ledger.books import Books, Discrepancy
from agentd.conflicts.ledger.lines import accounted_elsewhere


@dataclass(frozen=True, slots=True)
class Account:
    """What one bundle put in."""

    bundle_id: BundleId
    added: int
    """Lines, as its own base shows."""
    removed: int
    accounted_elsewhere: int
    """How many of them are in the result through another bundle's, or the target's, like change."""


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """All accounts of one integration."""

    accounts: tuple[Account, ...]
    touched_paths: int
    untouched_paths: int
    """Files of the target that no accepted bundle touches, and that are byte-identical."""
    lines_added: int
    lines_removed: int
    """Of the result with respect to the target."""
    discrepancies: tuple[Discrepancy, ...]

    @property
    def balanced(self) -> bool:
        """Whether everything is accounted for."""
        return not self.discrepancies

    def to_json(self) -> JsonObject:
        """The summary as the record has it."""
        return {
            "balanced": self.balanced,
            "bundles": [
                {
                    "bundle_id": each.bundle_id,
                    "added": each.added,
                    "removed": each.removed,
                    "accounted_elsewhere": each.accounted_elsewhere,
                }
                for each in self.accounts
            ],
            "files": self.touched_paths,
            "untouched_paths": self.untouched_paths,
            "lines_added": self.lines_added,
            "lines_removed": self.lines_removed,
            "discrepancies": [each.to_json() for each in self.discrepancies],
        }


def summarise_ledger(
    books: Books,
    discrepancies: Sequence[Discrepancy],
    lines: Mapping[BundleId, tuple[int, int]],
    *,
    target_paths: int,
    result_lines: tuple[int, int],
) -> LedgerSummary:
    """The summary; `lines` and `result_lines` are (added, removed)."""
    elsewhere = accounted_elsewhere(books)
    touched = {path for entry in books.entries for path in entry.touched}
    return LedgerSummary(
        accounts=tuple(
            Account(entry.bundle_id, *lines[entry.bundle_id], elsewhere[entry.bundle_id])
            for entry in books.entries
        ),
        touched_paths=len(touched),
        untouched_paths=target_paths - len(touched & books.target.keys()),
        lines_added=result_lines[0],
        lines_removed=result_lines[1],
        discrepancies=tuple(discrepancies),
    )
