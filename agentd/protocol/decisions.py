"""Reviews and their decisions on the wire.

The record is written by the referee, which knows far more fields than the daemon needs; the daemon
checks those that other clients rely on and keeps the rest.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from agentd.core import limits
from agentd.core.states import DecisionAction
from agentd.protocol.fields import (
    JsonObject,
    Name,
    Params,
    Result,
    Seq,
    Timestamp,
    Uuid,
    WriteParams,
)

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=limits.NAME_CHARS_MAX)]


class Target(Result):
    """The branch to integrate into, as it was when the review began."""

    ref: str | None = Field(
        description="The full name of the branch; null where the target was a commit."
    )
    commit: str = Field(description="Its tip when the review began.")


class DecisionReason(Result):
    """One reason; the first of a decision's is the one that settled it."""

    reason: str = Field(description="A word of the referee's.")
    message: str = Field(description="A sentence for people.")
    evidence: JsonObject = Field(default_factory=dict, description="What it rests on.")


class Decision(Result):
    """The action on one bundle, with its reasons in order."""

    bundle_id: Identifier = Field(description="The bundle.")
    action: DecisionAction = Field(description="What becomes of it.")
    reasons: list[DecisionReason] = Field(
        default_factory=list, description="In order; the first settled it."
    )


class ReviewedBundle(Result):
    """What the record says about a bundle. `source` may name the task and node it came from."""

    bundle_id: Identifier = Field(description="A digest of the bundle's content.")
    owner: str = Field(description="Whose bundle it is.")
    provider: str = Field(description="Whose agent that is.")
    source: JsonObject = Field(
        default_factory=dict,
        description="Where it was read from; `task_id` and `node_id` if from a node.",
    )


class Integration(Result):
    """The merged result."""

    order: list[str] = Field(description="Bundle ids, in the order in which they were merged.")
    commit: str = Field(description="The merged result.")
    tree: str = Field(description="Its tree.")
    ref: str | None = Field(default=None, description="The ref that was moved to it, if one was.")


class ReviewRecord(Result):
    """One run of the referee."""

    review_id: Uuid = Field(description="Made by the referee.")
    created_at: Timestamp = Field(description="When the review was made.")
    repository: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="The path of the repository."
    )
    target: Target = Field(description="What it was reviewed for.")
    bundles: list[ReviewedBundle] = Field(
        default_factory=list, description="Every bundle that was there."
    )
    findings: list[JsonObject] = Field(
        default_factory=list,
        description="What was noticed. One of severity `error` with several bundles is a conflict.",
    )
    decisions: list[Decision] = Field(default_factory=list, description="One for each bundle.")
    verification: list[JsonObject] = Field(
        default_factory=list, description="The commands that were run, and how they ended."
    )
    integration: Integration | None = Field(default=None, description="null where nothing merges.")


class RecordDecisionParams(WriteParams):
    """The record to keep."""

    review: ReviewRecord = Field(
        description="The whole record; fields that the daemon does not know are kept."
    )


class RecordDecisionResult(Result):
    """Where the first of the review's events stands in the journal."""

    review_id: str = Field(description="The review.")
    seq: int = Field(description="Of the first of its events.")


class ListDecisionsParams(Params):
    """Which reviews, oldest first."""

    repository: str | None = Field(
        default=None, max_length=4096, description="Only of this repository."
    )
    task_id: Uuid | None = Field(default=None, description="Only with a bundle from this task.")
    bundle_id: Name | None = Field(default=None, description="Only with this bundle.")
    after_seq: Seq = Field(default=0, description="Only later ones: `last_seq` of a call.")
    limit: Annotated[int, Field(ge=1, le=limits.PAGE_ROWS_MAX, strict=True)] = Field(
        default=limits.PAGE_ROWS_DEFAULT,
        description="Most records to return. Fewer come where they are large; none: that was all.",
    )


class ListDecisionsResult(Result):
    """A page of review records, whole."""

    reviews: list[JsonObject] = Field(
        description="The records as they were handed in, oldest first."
    )
    last_seq: int = Field(description="Pass it as `after_seq` to go on.")
