"""What all operations that write share: appending events, and storing JSON within its limit."""

from __future__ import annotations

from typing import Any

import orjson

from agentd.core.clock import Instant
from agentd.core.ids import EventId
from agentd.core.journal import NewEvent
from agentd.core.operations.transaction import Transaction
from agentd.errors import ResourceExhausted


def record(tx: Transaction, event: NewEvent, now: Instant) -> tuple[EventId, int]:
    """Appends an event and returns its id and `seq`."""
    event_id = EventId(tx.ids.new_ordered())
    tx.effects.last_seq = seq = tx.journal.append(event, event_id, now)
    return event_id, seq


def json_text(tx: Transaction, value: Any, path: str) -> str:
    """A client's JSON value as it is stored.

    Raises `ResourceExhausted` (`payload_too_large`) naming the field `path`.
    """
    return json_text_within(tx.config.payload_bytes_max, value, path)


def json_text_within(limit: int, value: Any, path: str) -> str:
    """The same, for a limit in bytes."""
    text = orjson.dumps(value)
    if len(text) > limit:
        raise ResourceExhausted(
            "payload_too_large",
            f"`{path}` has {len(text)} bytes of JSON, the limit is {limit}",
            path=path,
            limit=limit,
        )
    return text.decode()
