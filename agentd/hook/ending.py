"""How a call of the hook can end otherwise than with an opinion on who holds what."""

from __future__ import annotations


class NoDaemon(Exception):
    """Nobody listens: there is no referee to ask."""


class HookTrouble(Exception):
    """The question could not be answered. The message says why."""


class DaemonTrouble(HookTrouble):
    """A daemon is there, and what it holds could not be learned."""


class Overdue(HookTrouble):
    """The hook's second is over."""
