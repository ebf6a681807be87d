"""`agentd-coord`: the referee's command line. A command parses, delegates, sets an exit code.

Everything heavy is imported inside the commands, so that help and completion answer at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from agentd.cli.agent_commands import add_agent_commands
from agentd.cli.bundle_commands import add_bundle_command
from agentd.cli.demo_command import add_demo_command
from agentd.cli.guard_commands import add_guard_commands
from agentd.cli.hook_commands import add_hook_commands
from agentd.cli.list_commands import add_list_commands
from agentd.cli.mcp_commands import add_mcp_commands
from agentd.cli.options import version_option
from agentd.cli.proposal_commands import add_proposal_commands
from agentd.cli.radar_commands import add_radar_commands
from agentd.cli.review_commands import add_review_command
from agentd.cli.streams import run_program

app = typer.Typer(
    name="agentd-coord",
    help="Compare the competing patch bundles of several coding agents, merge those that can "
    "live together, prove the combination, and record why.",
    epilog="Start with: agentd-coord demo",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _common(
    version: Annotated[bool, version_option("agentd-coord")] = False,
) -> None:
    pass


add_review_command(app)
add_bundle_command(app)
add_radar_commands(app)
add_list_commands(app)
add_demo_command(app)
add_proposal_commands(app)
add_hook_commands(app)
add_guard_commands(app)
add_mcp_commands(app)
add_agent_commands(app)


def main() -> None:
    """The entry point of `agentd-coord`."""
    run_program(app)


if __name__ == "__main__":
    main()
