"""The building blocks of the wire's models: base classes and the types of single fields.

Checks that need their own error reason raise a `PydanticCustomError` whose type is that reason;
`field_errors` turns it into the wire's error.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from agentd.core import limits
from agentd.core.ids import LeaseId, canonical_uuid
from agentd.core.resource_keys import BadResourceKey, ResourceKey, normalise

JsonObject = dict[str, Any]
"""An opaque JSON object that a client stored; agentd hands it back as it came."""

JsonAny = Any
"""Any JSON value, opaque."""


class Params(BaseModel):
    """Base of a method's params: unknown fields are refused, by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)


class Result(BaseModel):
    """Base of what a method returns: a newer daemon may add fields, which are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


def _check_uuid(text: str) -> str:
    try:
        return canonical_uuid(text)
    except ValueError:
        raise PydanticCustomError("invalid_field", "must be a UUID") from None


def _check_key(text: str) -> ResourceKey:
    try:
        return normalise(text)
    except BadResourceKey as error:
        raise PydanticCustomError("bad_resource_key", "{rule}", {"rule": str(error)}) from None


def _check_lease_secs(secs: int) -> int:
    if not limits.LEASE_SECS_MIN <= secs <= limits.LEASE_SECS_MAX:
        raise PydanticCustomError(
            "ttl_out_of_range",
            "must be from {min} to {max} seconds",
            {"min": limits.LEASE_SECS_MIN, "max": limits.LEASE_SECS_MAX},
        )
    return secs


def _check_text(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("invalid_field", "may not contain NUL")
    return text


Uuid = Annotated[
    str,
    AfterValidator(_check_uuid),
    Field(json_schema_extra={"format": "uuid"}),
]
LeaseText = Annotated[LeaseId, StringConstraints(min_length=1, max_length=64)]
"""A lease id as a client shows it. Any text: what is no lease of ours is simply not the current."""
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=limits.NAME_CHARS_MAX),
    AfterValidator(_check_text),
]
Namespace = Annotated[
    str, StringConstraints(max_length=limits.RESOURCE_KEY_CHARS_MAX), AfterValidator(_check_text)
]
Goal = Annotated[str, StringConstraints(max_length=limits.GOAL_CHARS_MAX)]
Key = Annotated[ResourceKey, AfterValidator(_check_key)]
"""A resource key, normalised."""
LeaseSecs = Annotated[
    int,
    Field(strict=True),
    AfterValidator(_check_lease_secs),
]
WaitSecs = Annotated[float, Field(ge=0, le=limits.WAIT_SECS_MAX, strict=True)]
IdempotencyKey = Annotated[
    str, StringConstraints(min_length=1, max_length=limits.IDEMPOTENCY_KEY_CHARS_MAX)
]
Seq = Annotated[int, Field(ge=0, le=limits.SEQ_MAX, strict=True)]
"""A place in the journal; 0 is before the first event."""
PageLimit = Annotated[int, Field(ge=1, le=limits.PAGE_ROWS_MAX, strict=True)]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=limits.CURSOR_CHARS_MAX)]
"""Where a page ended; only who made it knows what it says."""
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339, UTC, milliseconds."""
UnixTime = Annotated[int, Field(description="Unix seconds")]


class WriteParams(Params):
    """Base of the params of a method that changes state."""

    idempotency_key: IdempotencyKey | None = Field(
        default=None,
        description="A retry with the same key returns the first answer and changes nothing.",
    )
