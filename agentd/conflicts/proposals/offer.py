"""Writes down a tree on the target's tip as a new bundle, which is then judged like any other.

It must not know why the tree is a good one. Whatever was verified about the bundles that it comes
from does not count for it, so an offer never has claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from agentd.conflicts.bundles.admission import bundle_digest
from agentd.conflicts.bundles.bundle import Bundle, PatchText, Source, SourceKind
from agentd.conflicts.bundles.parsing import parse_bundle
from agentd.conflicts.bundles.submission import Submission
from agentd.conflicts.findings import BundleId, counted
from agentd.conflicts.git.names import CommitId, TreeId
from agentd.conflicts.git.quarantine import Quarantine
from agentd.conflicts.record import printable

OFFERED: Final = "offered"
"""What a bundle's source calls one that agentd itself made."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A new bundle on the target's tip."""

    bundle_id: BundleId
    """The id that a review gives it."""
    tree: TreeId
    patch: bytes
    said: Mapping[str, Any]
    """Everything of the bundle but its patch."""

    def to_json(self, patch_file: Path | None = None) -> dict[str, Any]:
        """The bundle as `review --bundle` takes it, with its patch inside or in a file of its own.

        Raises `UnicodeDecodeError` where the patch has to be inside and is no text.
        """
        if patch_file is not None:
            return {**self.said, "patch_file": str(patch_file)}
        return {**self.said, "patch": self.patch.decode()}

    @property
    def is_text(self) -> bool:
        """Whether JSON can hold the patch."""
        try:
            self.patch.decode()
        except UnicodeDecodeError:
            return False
        return True

    def to_bundle(self) -> Bundle:
        """The bundle as a review takes it."""
        return replace(_parsed(self.said), change=PatchText(self.patch))


def make_offer(
    quarantine: Quarantine, tip: CommitId, tree: TreeId, said: Mapping[str, Any]
) -> Offer:
    """The bundle that turns the tip into a tree; `said` is what it says about itself."""
    tip_tree = quarantine.tree_of(tip)
    (changes,) = quarantine.changes([(tip_tree, tree)], renames=True)
    stated: dict[str, Any] = printable(
        {
            **{name: value for name, value in said.items() if value not in (None, "", [], ())},
            "base_revision": f"git:{tip}",
            "touched_paths": sorted({path for change in changes for path in change.paths}),
            "diff_summary": (
                f"{counted(len(changes), 'file')}, +{sum(c.additions for c in changes)} "
                f"-{sum(c.deletions for c in changes)}"
            ),
        }
    )
    bundle_id = bundle_digest(Submission(_parsed(stated), base=tip), tree)
    return Offer(bundle_id, tree, quarantine.patch(tip_tree, tree), stated)


def _parsed(said: Mapping[str, Any]) -> Bundle:
    return parse_bundle(said, source=Source(SourceKind.BUNDLE_FILE, OFFERED))
