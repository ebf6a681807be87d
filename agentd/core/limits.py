"""A limit on everything that a client can make grow, unit last in the name.

Those that an installation may want to change are settings and only have their defaults here.
"""

from __future__ import annotations

from typing import Final

LINE_BYTES_DEFAULT: Final = 1024 * 1024
LINE_BYTES_MIN: Final = 1024
JSON_DEPTH_MAX: Final = 200
"""Objects and lists inside one another in a request: what every JSON library can write again."""
SEQ_MAX: Final = (1 << 63) - 1
CONNECTIONS_DEFAULT: Final = 1024
WAITERS_DEFAULT: Final = 4096
REQUESTS_IN_FLIGHT_PER_CONNECTION: Final = 256
RESPONSE_BUFFER_BYTES: Final = 4 * 1024 * 1024
"""A connection that does not read its responses is not read from above this."""

NODE_TIMEOUT_SECS_DEFAULT: Final = 300
LOCK_TTL_SECS_DEFAULT: Final = 300
LEASE_SECS_MIN: Final = 1
LEASE_SECS_MAX: Final = 7 * 24 * 3600
WAIT_SECS_MAX: Final = 3600
CONTEXT_EVENTS_DEFAULT: Final = 50

REGISTERED_AT_ONCE_BYTES: Final = 4096
"""A RegisterTask line of more than this may be of a task that is better stored in steps."""
NODES_PER_TASK_MAX: Final = 100_000
DEPENDENCIES_PER_TASK_MAX: Final = 1_000_000
CAPABILITIES_PER_NODE_MAX: Final = 32
LOCKS_PER_REQUEST_MAX: Final = 1000
RESOURCE_KEY_CHARS_MAX: Final = 1024
NAME_CHARS_MAX: Final = 256
"""Owners, providers, node keys, capabilities, namespaces, action types."""
GOAL_CHARS_MAX: Final = 65_536
IDEMPOTENCY_KEY_CHARS_MAX: Final = 128
IDEMPOTENCY_SECS: Final = 24 * 3600
SETTLED_LEASE_SECS: Final = 24 * 3600
"""How long a lock's ended lease is remembered, to answer a repeated release the same way."""

PAGE_ROWS_DEFAULT: Final = 100
PAGE_ROWS_MAX: Final = 1000
CURSOR_CHARS_MAX: Final = 16_384
"""A key and a namespace of the greatest length, each character escaped."""
PAGE_CHARS_MAX: Final = 8_000_000
"""A page ends with the event, record, lock, node or task that takes it over this."""
EVENTS_PAGE_DEFAULT: Final = 1000
EVENTS_PAGE_MAX: Final = 10_000
