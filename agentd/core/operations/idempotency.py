"""One answer per idempotency key: the retry of a request whose answer was lost changes nothing.

An answer is remembered for `IDEMPOTENCY_SECS`. An error is not: the request changed nothing and
may be tried again. Neither is the null of a call that may wait, because waiting means asking
again.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import orjson

from agentd.core.clock import Instant
from agentd.core.limits import IDEMPOTENCY_SECS
from agentd.core.operations.transaction import Transaction
from agentd.core.storage import idempotency
from agentd.errors import AlreadyExists
from agentd.protocol.fields import Params, WriteParams

_NOT_THE_REQUEST = {"idempotency_key", "wait_secs"}
"""How to send and how long to wait may differ from one try to the next."""


def run_once(
    tx: Transaction,
    method_name: str,
    params: Params,
    now: Instant,
    operation: Callable[[Transaction, Any, Instant], Any],
    *,
    digest: bytes | None = None,
) -> Any:
    """Runs the operation, or returns what it returned under the same key before.

    `digest` is the `request_digest` of the params, for whoever has it already.
    Raises `AlreadyExists` (`idempotency_mismatch`) when the key stands for another request.
    """
    key = params.idempotency_key if isinstance(params, WriteParams) else None
    if key is None:
        return operation(tx, params, now)
    digest = digest or request_digest(params)
    stored = idempotency.find(tx.connection, key, remembered_since(now))
    if stored is not None:
        if stored.method != method_name or stored.params_digest != digest:
            raise AlreadyExists(
                "idempotency_mismatch",
                f"this idempotency_key was used for another {stored.method} request",
            )
        return orjson.loads(stored.answer)
    result = operation(tx, params, now)
    if not (_is_denial(result) and getattr(params, "wait_secs", False)):
        answer = orjson.dumps(result).decode()
        idempotency.remember(tx.connection, key, method_name, digest, answer, now)
    return result


def remembered_since(now: Instant) -> Instant:
    """Older answers are forgotten."""
    return Instant(now - IDEMPOTENCY_SECS * 1000)


def _is_denial(result: Any) -> bool:
    return result is None or (isinstance(result, dict) and result.get("granted") is False)


def is_remembered(key: str, tx: Transaction, now: Instant) -> bool:
    """Whether there is an answer to some request under the key."""
    return idempotency.find(tx.connection, key, remembered_since(now)) is not None


def request_digest(params: Params) -> bytes:
    """What tells a request from others that come under the same key."""
    content = params.model_dump(mode="json", exclude=_NOT_THE_REQUEST)
    return blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
