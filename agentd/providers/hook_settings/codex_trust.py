"""The trust that Codex has to have in a hook before it runs it: a digest in the user's settings.

Codex skips a hook that it does not trust without a word. Whoever has our hook installed trusts it;
another hook's trust is never touched. A hook is known by the file that it is in and by its place
there, so another one that is put before it makes it unknown: `agentd-coord doctor` sees that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agentd.providers.codex_hooks import trust_hash
from agentd.providers.hook_settings.hook_command import is_ours
from agentd.providers.hook_settings.toml_tables import table_at, with_table, without_table

SETTINGS_FILE: Final = "config.toml"
_STATE: Final = ("hooks", "state")


def expected_trust(hooks_file: Path, settings: Any) -> dict[str, str]:
    """The digest of each of our hooks in the value of a `hooks.json`, by Codex's key for it."""
    trusted: dict[str, str] = {}
    hooks = settings.get("hooks") if isinstance(settings, dict) else None
    for event, groups in (hooks if isinstance(hooks, dict) else {}).items():
        for group_number, group in enumerate(groups if isinstance(groups, list) else ()):
            listed = group.get("hooks") if isinstance(group, dict) else None
            for number, hook in enumerate(listed if isinstance(listed, list) else ()):
                if isinstance(hook, dict) and is_ours(hook.get("command")):
                    label = _label(event)
                    key = f"{hooks_file}:{label}:{group_number}:{number}"
                    trusted[key] = trust_hash(label, hook["command"], hook.get("timeout", 0))
    return trusted


def with_trust(text: str | None, trusted: Mapping[str, str]) -> str | None:
    """Codex's settings with this trust. Raises `NotToml` and `OddToml`."""
    for key, digest in trusted.items():
        text = with_table(text, (*_STATE, key), {"trusted_hash": digest})
    return text


def without_trust(text: str, keys: Mapping[str, str]) -> str | None:
    """Codex's settings without the trust of these keys, as long as it is the trust in our hook.

    Raises `NotToml` and `OddToml`.
    """
    left: str | None = text
    for key, digest in reversed(list(keys.items())):
        if left is not None and _is_trusted(left, key, digest):
            left = without_table(left, (*_STATE, key))
    return left


def missing_trust(text: str | None, trusted: Mapping[str, str]) -> list[str]:
    """The keys of hooks that Codex would skip. Raises `NotToml`."""
    return [key for key, digest in trusted.items() if not _is_trusted(text or "", key, digest)]


def _is_trusted(text: str, key: str, digest: str) -> bool:
    state = table_at(text, (*_STATE, key))
    return isinstance(state, dict) and state.get("trusted_hash") == digest


def _label(event: str) -> str:
    """`PreToolUse` as `pre_tool_use`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()
