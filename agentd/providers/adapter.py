"""What agentd has to know of an agent's program to start it, follow it and judge it.

An adapter is a value: a provider's module makes one, and nothing outside that module knows the
program. `examples/custom_adapter.py` is a whole one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from agentd.providers.agent_events import Events
from agentd.providers.hook_settings.hook_command import HookCommand
from agentd.providers.json_values import Message
from agentd.providers.output import Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What an agent is started for, and where."""

    prompt: str
    worktree: Path
    """Absolute; it is the program's working directory, too."""
    session: str
    """The owner of its locks and of its bundle."""
    socket: Path
    """Where the daemon listens."""
    workspace: Path
    """The repository's main worktree."""
    intent: str = ""
    """What it is up to, in a line: shown to whoever is refused because of it."""
    branch: str = ""
    task: str = ""
    allow_shell: bool = False
    """Whether it may run shell commands that nothing holds back from writing."""
    hook: HookCommand | None = None
    """What answers the program's hooks; None where none is to be given to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a program is started, beside its own command and the user's arguments.

    It runs in the worktree, with `environment` added to the one of whoever starts it.
    """

    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    """All that it gets; its standard input ends after that. Where a driver talks to it: nothing."""


class Enforcement(StrEnum):
    """What keeps an agent from changing what somebody else has locked."""

    GUARDED = "guarded"
    """A change to a file that somebody else holds is refused before it is written."""
    ADVISORY = "advisory"
    """The agent can ask, and nothing stops it when it does not."""
    NONE = "none"
    """The agent does not even know."""


class Transport(StrEnum):
    """How one talks to a program."""

    LINES = "lines"
    """It is started with a prompt, and writes a JSON object a line."""
    TEXT = "text"
    """It is started with a prompt, and writes what it likes."""
    APP_SERVER = "app-server"
    """Codex's JSON-RPC over its standard input and output."""
    ACP = "acp"
    """The Agent Client Protocol over its standard input and output."""


def _in_force(_: Agent, __: Assignment, ___: Mapping[str, str]) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to run a program without a terminal."""

    transport: Transport
    launch: Callable[[Assignment], Launch]
    enforcement: Enforcement
    why: str
    """What the enforcement rests on, or what is missing."""
    out_of_force: Callable[[Agent, Assignment, Mapping[str, str]], str] = _in_force
    """Why the program would not be held back if it were started now, in an environment; empty where
    it would. May ask the program, and take seconds."""


STALL_SECS: Final = 1800.0
"""A command that an agent waits for, a project's tests say, may well take minutes."""


def _no_events(_: Message) -> Events | None:
    return None


def _no_event(_: str) -> Events:
    return ()


def _as_it_is(_: Assignment) -> Launch:
    return Launch()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """An agent's program."""

    name: str
    """The provider's, as in locks, bundles and `config.toml`."""
    title: str
    program: str
    """The command that is looked for on the PATH."""
    ways: tuple[Way, ...]
    """Best first."""
    interactive: Callable[[Assignment], Launch] = _as_it_is
    """How it is started in a terminal."""
    read: Read = _no_events
    """What a message that it writes with the transport `lines` means."""
    read_error: Callable[[str], Events] = _no_event
    """What a line on its standard error means, where that says something that nothing else does."""
    takes_hook: bool = False
    """Whether it can be given a hook for one start alone."""
    locks_itself: bool = False
    """Whether it asks the daemon before it writes, without any hook."""
    says_result: bool = True
    """Whether it says by itself that it is done; otherwise its exit code has to do."""
    stall_secs: float = STALL_SECS
    """How long it may make no progress before it is ended; 0: as long as it likes."""
    version_arguments: tuple[str, ...] = ("--version",)
    """None: it is not asked."""
    log_in: str = ""
    """What a user does who is not logged in, as in "run `x login`"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An adapter as this installation has it."""

    adapter: Adapter
    name: str
    """The adapter's, unless `config.toml` has another one for it."""
    command: tuple[str, ...]
    """The program, and the user's arguments for every start."""
    environment: Mapping[str, str] = field(default_factory=dict)
    stall_secs: float | None = None
    """Instead of the adapter's."""


def assigned_environment(agent: Agent, assignment: Assignment) -> dict[str, str]:
    """What every agent's program finds in its environment, whichever program it is."""
    named = {
        "AGENTD_SESSION_ID": assignment.session,
        "AGENTD_PROVIDER": agent.name,
        "AGENTD_SOCKET": str(assignment.socket),
        "AGENTD_WORKSPACE": str(assignment.workspace),
        "AGENTD_WORKTREE": str(assignment.worktree),
        "AGENTD_BRANCH": assignment.branch,
        "AGENTD_TASK": assignment.task,
        "AGENTD_INTENT": assignment.intent,
    }
    return {name: value for name, value in named.items() if value}


PROMPT: Final = "{prompt}"
"""Stands for the prompt in the user's arguments."""


def started(agent: Agent, assignment: Assignment, launch: Launch) -> tuple[tuple[str, ...], bytes]:
    """The whole command line of an agent's program, and what it gets on its standard input.

    A prompt in the user's arguments comes there and nowhere else.
    """
    if not any(PROMPT in argument for argument in agent.command[1:]):
        return (*agent.command, *launch.arguments), launch.stdin
    program, *arguments = agent.command
    filled = (argument.replace(PROMPT, assignment.prompt) for argument in arguments)
    return (program, *filled, *launch.arguments), b""
