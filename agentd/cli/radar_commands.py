"""The commands `watch` and `check` of `agentd-coord`: their options and their help.

A command parses, delegates, sets an exit code; everything heavy is imported inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentd.cli.connect import errors_explained
from agentd.cli.options import JsonOption, RepositoryOption

TargetOption = Annotated[
    str | None,
    typer.Option(
        metavar="REV", help="Compare on this revision. Default: what the main worktree is on."
    ),
]


def add_radar_commands(app: typer.Typer) -> None:
    """Adds the commands to `agentd-coord`."""
    app.command("watch")(_watch)
    app.command("check")(_check)


def _watch(
    repo: RepositoryOption = Path(),
    target: TargetOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print the present picture and end.")
    ] = False,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print a line of JSON for each change, not a table."),
    ] = False,
) -> None:
    """Show who would collide with whom, while they work.

    Follows all worktrees, uncommitted files included, and the daemon's bundles and locks. Works
    without a daemon, on worktrees only. Writes nothing to the repository.

    \b
    Exit codes: with --once 0 nobody is in anybody's way, 10 somebody is;
                1 failed, 130 Ctrl-C.
    \b
    Examples:
      agentd-coord watch
      agentd-coord watch --once --json
    """
    from agentd.cli.watch_command import WatchOptions, run_watch

    with errors_explained():
        raise typer.Exit(run_watch(WatchOptions(repo, target, once=once, as_json=json)))


def _check(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A file or directory; it need not exist yet.")
    ],
    repo: RepositoryOption = Path(),
    owner: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Who asks; AGENTD_SESSION_ID, the branch and the directory count, too.",
        ),
    ] = None,
    target: TargetOption = None,
    locks: Annotated[
        bool, typer.Option("--locks", help="Ask for locks only, which is fastest.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Say who else changes or has locked a path; made for hooks.

    The caller is whoever works in the worktree around the path.

    \b
    Exit codes: 0 free, 10 somebody changes it elsewhere or shares a lock,
                11 somebody's lines meet the caller's, or a name breaks between the two,
                12 locked by somebody else, 1 failed, 2 wrong usage, 3 no daemon (with --locks).
    \b
    Examples:
      agentd-coord check src/retry.py --owner codex-a
      agentd-coord check src/ --locks || echo "somebody is there"
    """
    from agentd.cli.check_command import CheckOptions, run_check

    with errors_explained():
        options = CheckOptions(
            path, repo, owner=owner, target=target, locks_only=locks, as_json=json
        )
        raise typer.Exit(run_check(options))
