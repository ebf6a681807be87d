"""Reviews and their decisions on the wire.

The record is written by the referee, which knows far more fields than the daemon needs; the daemon
checks those that other clients rely on and keeps the rest.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from agentd.core import limits
from agentd.core.states import DecisionAction
from agentd.protocol.fields import JsonObject, Name, Params, Result, Timestamp, Uuid, WriteParams

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=limits.NAME_CHARS_MAX)]
Revision = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Target(Result):
    """The branch to integrate into, as it was when the review began."""

    ref: str | None
    commit: str


class DecisionReason(Result):
    """One reason; the first of a decision's is the one that settled it."""

    reason: str
    message: str
    evidence: JsonObject = Field(default_factory=dict)


class Decision(Result):
    """The action on one bundle, with its reasons in order."""

    bundle_id: Identifier
    action: DecisionAction
    reasons: list[DecisionReason] = Field(default_factory=list)


class ReviewedBundle(Result):
    """What the record says about a bundle. `source` may name the task and node it came from."""

    bundle_id: Identifier
    owner: str
    provider: str
    source: JsonObject = Field(default_factory=dict)


class Integration(Result):
    """The merged result."""

    order: list[str]
    commit: str
    tree: str
    ref: str | None = None


class ReviewRecord(Result):
    """One run of the referee."""

    review_id: Uuid
    created_at: Timestamp
    repository: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    target: Target
    bundles: list[ReviewedBundle] = Field(default_factory=list)
    findings: list[JsonObject] = Field(default_factory=list)
    decisions: list[Decision] = Field(default_factory=list)
    verification: list[JsonObject] = Field(default_factory=list)
    integration: Integration | None = None


class RecordDecisionParams(WriteParams):
    """The record to keep."""

    review: ReviewRecord


class RecordDecisionResult(Result):
    """Where the first of the review's events stands in the journal."""

    review_id: str
    seq: int


class ListDecisionsParams(Params):
    """Which reviews, oldest first."""

    repository: str | None = Field(default=None, max_length=4096)
    task_id: Uuid | None = None
    bundle_id: Name | None = None
    after_seq: int = Field(default=0, ge=0)
    limit: Annotated[int, Field(ge=1, le=limits.PAGE_ROWS_MAX, strict=True)] = (
        limits.PAGE_ROWS_DEFAULT
    )


class ListDecisionsResult(Result):
    """A page of review records, whole."""

    reviews: list[JsonObject]
    last_seq: int = Field(description="Pass it as `after_seq` to go on.")
