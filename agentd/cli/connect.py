"""From a command line to a daemon: settings, connection, and errors as messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, NoReturn

from agentd.cli.exit_codes import ExitCode
from agentd.cli.terminal import printable
from agentd.errors import AgentdError

if TYPE_CHECKING:
    from agentd.client.sync_client import Client
    from agentd.settings import Settings


def fail(message: str, *, hint: str = "", code: ExitCode = ExitCode.FAILED) -> NoReturn:
    """Ends the command with a message on standard error that says what to do next."""
    sys.stderr.write(f"error: {printable(message, keep_newlines=True)}\n")
    if hint:
        sys.stderr.write(f"hint: {printable(hint, keep_newlines=True)}\n")
    raise SystemExit(code)


def fail_with(error: AgentdError) -> NoReturn:
    """Ends the command with what an error says."""
    code = ExitCode.NO_DAEMON if error.reason == "daemon_unreachable" else ExitCode.FAILED
    fail(error.message, hint=error.hint, code=code)


@contextmanager
def errors_explained() -> Iterator[None]:
    """Turns agentd's errors inside the block into a message and an exit code."""
    try:
        yield
    except AgentdError as error:
        fail_with(error)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was left half done\n")
        raise SystemExit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        # The reader of our output went away (`| head`); there is nobody left to tell.
        sys.stderr.close()
        raise SystemExit(ExitCode.OK) from None


def settings() -> Settings:
    """The settings of this installation."""
    from agentd.settings import load_settings

    return load_settings()


def connected_client() -> Client:
    """A client of the running daemon. Raises `Unavailable` (`daemon_unreachable`)."""
    from agentd.client.sync_client import Client

    client = Client(settings().socket_path)
    client.connect()
    return client


@contextmanager
def daemon_if_running() -> Iterator[Client | None]:
    """A client of the daemon for as long as the block lasts, or None where none answers."""
    client = _client_if_running()
    with nullcontext() if client is None else client:
        yield client


def _client_if_running() -> Client | None:
    try:
        return connected_client()
    except AgentdError as error:
        if error.reason == "daemon_unreachable":
            return None
        raise
