"""The commands `rebase` and `propose` of `agentd-coord`: their options and their help.

A command parses, delegates, sets an exit code; everything heavy is imported inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentd.cli.connect import errors_explained

RepositoryOption = Annotated[
    Path,
    typer.Option("--repo", help="The git repository, a worktree of it, or a bare one."),
]


def add_proposal_commands(app: typer.Typer) -> None:
    """Adds the commands to `agentd-coord`."""
    app.command("rebase")(_rebase)


def _rebase(
    bundle: Annotated[
        str,
        typer.Argument(metavar="BUNDLE", help="A bundle file, bundle id, owner, or branch."),
    ],
    repo: RepositoryOption = Path(),
    target: Annotated[
        str | None,
        typer.Option(help="Bring it onto this revision. Default: the current branch."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the new bundle to a file for `review --bundle`.", dir_okay=False),
    ] = None,
    hand_in: Annotated[
        bool,
        typer.Option("--hand-in", help="Hand it in as a `result` event of the node it came from."),
    ] = False,
    lease: Annotated[
        str | None,
        typer.Option(help="With --hand-in: the node's lease, while it is RUNNING."),
    ] = None,
    lock: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=LEASE", help="Make it the metadata of this lock. Many times."),
    ] = None,
) -> None:
    """Offer a stale bundle on the target's tip, where git merges it cleanly.

    The result is a new bundle with an id of its own; nothing of the old verification counts for
    it. Without --out, --hand-in and --lock it is printed as JSON.

    \b
    Exit codes: 0 rebased, or in step already, 10 it conflicts with the target,
                1 failed, 2 wrong usage.
    \b
    Examples:
      agentd-coord rebase b-3f9c2d1e --out rebased.json
      agentd-coord rebase codex-a --hand-in --lease $LEASE
    """
    from agentd.cli.rebase_command import RebaseOptions, run_rebase

    with errors_explained():
        options = RebaseOptions(
            repository=repo,
            what=bundle,
            target=target,
            out=out,
            hand_in=hand_in,
            lease_id=lease,
            locks=tuple(lock or ()),
        )
        raise typer.Exit(run_rebase(options))
