"""How the hook was installed and configured: command line and environment to one value.

The environment counts before the command line, which holds what the settings were when the hook was
installed: a supervised session leads its hook to its own daemon by a variable.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from agentd.hook.dialects import DIALECTS, Dialect

LOCK_SECS_DEFAULT: Final = 900

USAGE: Final = (
    f"usage: agentd-hook {{{','.join(DIALECTS)}}} [--policy strict|guarded|advisory]\n"
    "                   [--home DIR] [--socket PATH] [--lock-secs N]\n"
    "\n"
    "A vendor's agent runs this before it writes a file, with its hook payload on standard\n"
    "input. `agentd-coord hooks install PROVIDER` has it do so; docs/providers.md says more.\n"
)


class BadUsage(Exception):
    """The command line or a variable is wrong. The message says how."""


class Policy(StrEnum):
    """What is refused."""

    STRICT = "strict"
    """What somebody else holds, and everything that nobody could be asked about."""
    GUARDED = "guarded"
    """The same, but nothing where no daemon runs."""
    ADVISORY = "advisory"
    """Nothing; the user is told."""


class Options(NamedTuple):
    """Everything that the hook is told beside the payload."""

    dialect: Dialect
    policy: Policy
    home: str
    socket: str
    lock_secs: int
    session: str
    """The supervised session's name; empty outside of one."""
    branch: str
    """The supervised session's branch."""
    worktree: str
    task: str
    intent: str

    @property
    def sessions_directory(self) -> str:
        """Where the hook keeps what it remembers."""
        return os.path.join(self.home, "hooks")


def read_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Reads both. Raises `BadUsage`."""
    if not arguments or arguments[0] not in DIALECTS:
        raise BadUsage(f"the first argument names no provider: {', '.join(DIALECTS)}")
    given = named(arguments[1:], ("--policy", "--home", "--socket", "--lock-secs"))
    home = home_directory(environment, given)
    return Options(
        dialect=DIALECTS[arguments[0]],
        policy=policy(environment.get("AGENTD_HOOK_POLICY") or given.get("--policy")),
        home=home,
        socket=socket_path(environment, given, home),
        lock_secs=_seconds(environment.get("AGENTD_HOOK_LOCK_SECS") or given.get("--lock-secs")),
        session=environment.get("AGENTD_SESSION_ID", ""),
        branch=environment.get("AGENTD_BRANCH", ""),
        worktree=environment.get("AGENTD_WORKTREE", ""),
        task=environment.get("AGENTD_TASK", ""),
        intent=environment.get("AGENTD_INTENT", ""),
    )


def home_directory(environment: Mapping[str, str], given: Mapping[str, str]) -> str:
    """agentd's home, absolute."""
    home = (
        environment.get("AGENTD_HOME")
        or environment.get("AGENTD_DIR")
        or given.get("--home")
        or "~/.agentd"
    )
    return os.path.abspath(os.path.expanduser(home))


def socket_path(environment: Mapping[str, str], given: Mapping[str, str], home: str) -> str:
    """Where the daemon listens, absolute."""
    socket = (
        environment.get("AGENTD_SOCKET")
        or environment.get("AGENTD_SOCKET_PATH")
        or given.get("--socket")
        or os.path.join(home, "agentd.sock")
    )
    return os.path.abspath(os.path.expanduser(socket))


def named(arguments: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """The values of `--name VALUE` and `--name=VALUE`. Raises `BadUsage`."""
    given: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name not in known:
            raise BadUsage(f"unknown argument {name!r}")
        if not equals:
            if not rest:
                raise BadUsage(f"{name} needs a value")
            value = rest.pop(0)
        given[name] = value
    return given


def policy(text: str | None) -> Policy:
    """A policy by its name; the default where there is none. Raises `BadUsage`."""
    try:
        return Policy(text) if text else Policy.GUARDED
    except ValueError:
        raise BadUsage(f"the policy must be {', '.join(Policy)}, not {text!r}") from None


def _seconds(text: str | None) -> int:
    if not text:
        return LOCK_SECS_DEFAULT
    if not text.isdecimal() or not 1 <= int(text) <= 604_800:
        raise BadUsage(f"the seconds of a lock must be 1 to 604,800, not {text!r}")
    return int(text)
