"""Who a session is: under which name its locks and bundles are known, and whose agent it is.

A supervised session has its name in the environment, and its hook uses the same one. Any other one
gets a name of its own. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agentd.plain_text import printable

_NAME_CHARS_MAX: Final = 256
_CLIENTS: Final[Mapping[str, str]] = {
    "codex": "codex",
    "claude": "claude_code",
    "gemini": "gemini",
    "qwen": "qwen",
    "antigravity": "antigravity",
    "agy": "antigravity",
    "opencode": "opencode",
}
"""How the names that MCP clients give themselves begin, and whose they are."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A session's names."""

    owner: str
    provider: str


def identify(
    environment: Mapping[str, str],
    client_name: str,
    *,
    own_name: str,
    owner: str | None = None,
    provider: str | None = None,
) -> Identity:
    """The names of a session.

    `client_name` is what the client calls itself, `own_name` a name that no other session has;
    `owner` and `provider` are what the user said, where he did.
    """
    whose = provider or environment.get("AGENTD_PROVIDER") or provider_of(client_name)
    name = owner or environment.get("AGENTD_SESSION_ID") or f"{whose}-{own_name}"
    return Identity(_named(name), _named(whose))


def provider_of(client_name: str) -> str:
    """Whose agent an MCP client is."""
    plain = client_name.strip().lower()
    for beginning, provider in _CLIENTS.items():
        if plain.startswith(beginning):
            return provider
    return plain or "unknown"


def _named(text: str) -> str:
    return printable(text)[:_NAME_CHARS_MAX]
