"""How many clients fit into the number of files that the system lets a process have open.

Past that number the system drops a client without a word, so the daemon asks for a higher one, and
refuses in words those for whom there is no room.
"""

from __future__ import annotations

import logging
import resource
from typing import Final

from agentd.errors import Unavailable

logger = logging.getLogger(__name__)

FILES_OF_ITS_OWN: Final = 64
"""The database's, the socket's and the event loop's, and some for clients that are refused."""


def room_for_clients(wanted: int) -> int:
    """How many clients may be connected at once, at most `wanted`.

    Raises the limit of this process as far as that takes. Raises `Unavailable` (`too_few_files`)
    where there is no room for any.
    """
    limit = _raised_limit(wanted + FILES_OF_ITS_OWN)
    room = limit - FILES_OF_ITS_OWN
    if room < 1:
        raise Unavailable(
            "too_few_files",
            f"this process may have {limit} files open, a daemon needs more than "
            f"{FILES_OF_ITS_OWN}",
            limit=limit,
        )
    if room < wanted:
        logger.warning("fewer clients fit", extra={"fields": {"wanted": wanted, "room": room}})
    return min(room, wanted)


def _raised_limit(needed: int) -> int:
    """The limit after it was raised to `needed`, or as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return needed
    if soft >= needed:
        return soft
    target = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    except (OSError, ValueError):  # macOS has a further limit, which it does not tell.
        return soft
    return target
