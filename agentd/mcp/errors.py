"""Tools' errors in words of ours, so that the model that reads one knows what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Final

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import ValidationError

from agentd.errors import AgentdError

_SHOWN_MAX: Final = 3


@contextmanager
def told() -> Iterator[None]:
    """Turns agentd's errors inside the block into a tool's, with what to do next."""
    try:
        yield
    except AgentdError as error:
        hint = f" {error.hint}" if error.hint else ""
        raise ToolError(f"{error.message} ({error.reason}).{hint}") from None


def check_names(given: Iterable[str], known: list[str]) -> None:
    """Refuses an argument that a tool does not have: a misspelt one must not pass silently."""
    for name in given:
        if name not in known:
            close = get_close_matches(name[:100], known, n=1)
            meant = f" Did you mean `{close[0]}`?" if close else ""
            raise ToolError(f"unknown argument `{name[:100]}`.{meant} Known: {', '.join(known)}.")


def in_our_words(error: ToolError, tool: str) -> ToolError:
    """An error of the SDK's as ours; one of ours without what the SDK put before it."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return ToolError(str(error).removeprefix(f"Error executing tool {tool}: "))
    found = cause.errors(include_url=False, include_input=False, include_context=False)
    told = [
        f"`{'.'.join(str(step) for step in each['loc'])}` "
        + ("is required" if each["type"] == "missing" else f"is wrong: {each['msg']}")
        for each in found[:_SHOWN_MAX]
    ]
    return ToolError(f"{'; '.join(told)}. Correct the arguments; the tool's schema has them.")
