"""What becomes of a bug: a traceback in the log, and for the caller the number to find it by."""

from __future__ import annotations

import logging
import secrets

from agentd.errors import InternalError

logger = logging.getLogger(__name__)


def record_incident(error: Exception, *, during: str) -> InternalError:
    """Logs an exception that nobody expected and returns what the caller may know of it."""
    incident = secrets.token_hex(6)
    logger.error("bug", exc_info=error, extra={"fields": {"incident": incident, "during": during}})
    return InternalError(
        "bug", f"agentd made a mistake; its log has incident {incident}", incident=incident
    )
