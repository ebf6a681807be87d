"""The command `demo` of `agentd-coord`."""

from __future__ import annotations

from typing import Annotated

import typer

from agentd.cli.connect import errors_explained


def add_demo_command(app: typer.Typer) -> None:
    """Adds the command to `agentd-coord`."""
    app.command("demo")(_demo)


def _demo(
    pause: Annotated[
        float, typer.Option(metavar="SECS", help="Seconds to wait between the steps.")
    ] = 0.0,
) -> None:
    """Watch the referee decide between the patches of three vendors.

    Everything happens in a temporary directory that is removed at the end.

    \b
    Example:
      agentd-coord demo --pause 2
    """
    from agentd.cli.connect import fail
    from agentd.cli.demo.story import DemoFailed, tell
    from agentd.cli.terminal import console
    from agentd.settings import process_environment

    with errors_explained():
        try:
            tell(console(), process_environment(), pause_secs=pause)
        except DemoFailed as error:
            fail(str(error))
