"""What an agent declared: a patch bundle as a value.

Pure: it must not know how a bundle is written, or whether any of its declarations is true.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from agentd.conflicts.findings import Finding, JsonObject


@dataclass(frozen=True, slots=True)
class PatchText:
    """The change is a unified diff."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PatchFile:
    """The change is a unified diff in a file."""

    path: str


@dataclass(frozen=True, slots=True)
class HeadRevision:
    """The change is everything between the base and a revision."""

    revision: str


@dataclass(frozen=True, slots=True)
class WorktreeState:
    """The change is a worktree's commits and its uncommitted files."""

    path: str


Change: TypeAlias = PatchText | PatchFile | HeadRevision | WorktreeState


class SourceKind(StrEnum):
    """Where a bundle was read from."""

    LOCK = "lock"
    PAST_LOCK = "past_lock"
    EVENT = "event"
    BUNDLE_FILE = "bundle_file"
    PATCH_FILE = "patch_file"
    BRANCH = "branch"


@dataclass(frozen=True, slots=True)
class Source:
    """One place that a bundle was read from."""

    kind: SourceKind
    detail: str
    """A resource key, an event id, a path or a revision."""
    at: str | None = None
    """RFC 3339; when the fact was stated, where that is known."""


class ClaimStatus(StrEnum):
    """What an agent says about a check."""

    PASSED = "passed"
    FAILED = "failed"
    STATED = "stated"
    """Named, or told in prose; neither passed nor failed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A check as an agent reports it. Never evidence."""

    status: ClaimStatus
    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one agent proposes, as it said it."""

    owner: str
    provider: str
    sources: tuple[Source, ...]
    base_revision: str | None = None
    change: Change | None = None
    touched_paths: tuple[str, ...] = ()
    intent: str = ""
    diff_summary: str = ""
    assumptions: tuple[str, ...] = ()
    confidence: float | None = None
    claims: tuple[Claim, ...] = ()
    conflicts: tuple[str, ...] = ()
    alternative_of: str | None = None
    task_id: str | None = None
    node_id: str | None = None
    enforcement: str = "none"
    created_at: str | None = None
    """As its agent states it; the time at which the daemon saw it where nothing is stated."""
    branch: str | None = None
    extra: JsonObject = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def failed_claim(self) -> Claim | None:
        """The first check that the agent itself says failed."""
        return next((claim for claim in self.claims if claim.status is ClaimStatus.FAILED), None)

    @property
    def seen_at(self) -> str | None:
        """When the daemon first saw it, by the daemon's clock; None where it never did.

        Unlike `created_at`, which is the agent's own word (or a commit's date, which is no more).
        """
        return min((source.at for source in self.sources if source.at), default=None)

    @property
    def claims_passed(self) -> bool:
        """Whether the agent says that it checked its work, and nothing failed."""
        return bool(self.claims) and self.failed_claim is None

    @property
    def alternative_group(self) -> str | None:
        """Bundles with the same group are alternatives: at most one of them may win.

        A node is a group, too, so that a bundle can be an alternative of a node's.
        """
        return self.alternative_of if self.alternative_of is not None else self.node_id
