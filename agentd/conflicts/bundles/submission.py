"""A bundle as intake hands it on: its change and its base are objects, not names.

Pure: a value. It must not know where the bundle came from.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.findings import Finding
from agentd.conflicts.git.names import CommitId, ObjectId


@dataclass(frozen=True, slots=True)
class Submission:
    """A bundle whose change and base cannot move any more."""

    bundle: Bundle
    base: CommitId | None = None
    patch: ObjectId | None = None
    """A patch text, kept as a blob in the quarantine."""
    head: CommitId | None = None
    """A commit with the changed tree."""
    branch_head: CommitId | None = None
    """The head where it is a commit of the user's, so that a merge can name it as a parent."""
    findings: tuple[Finding, ...] = ()
    criss_cross: bool = False
    """Whether its head and the target have several merge bases; `base` is the merge of those."""
    change_digest: str = ""
    """Of the change as the bundle states it; tells bundles apart whose change cannot be had."""
