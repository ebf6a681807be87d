"""The models that this installation can ask, by their provider's name.

What a provider needs is imported when it is asked for, so that no command waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from agentd.errors import Unsupported
from agentd.providers.completion import Completer
from agentd.settings import Settings


def completer(name: str, settings: Settings) -> Completer:
    """The model of a provider.

    Raises `provider_unknown`, `provider_key_missing`, and `invalid_field` for a wrong setting.
    """
    if name not in COMPLETERS:
        raise Unsupported(
            "provider_unknown", f"no model is known as {name!r}", known=sorted(COMPLETERS)
        )
    return COMPLETERS[name](settings)


def _deepseek(settings: Settings) -> Completer:
    key = settings.deepseek_api_key
    if key is None or not key.strip():
        raise Unsupported(
            "provider_key_missing",
            "deepseek needs a key, and DEEPSEEK_API_KEY is not set",
            hint=f"Set DEEPSEEK_API_KEY in the environment, or in {settings.env_file} (mode 600).",
        )
    from agentd.providers.deepseek import DeepSeek

    return DeepSeek(
        key=key.strip(),
        base_url=settings.deepseek_base_url,
        model=settings.deepseek_model,
    )


COMPLETERS: Final[Mapping[str, Callable[[Settings], Completer]]] = {"deepseek": _deepseek}
