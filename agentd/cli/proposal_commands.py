"""The commands `rebase` and `propose` of `agentd-coord`: their options and their help.

A command parses, delegates, sets an exit code; everything heavy is imported inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentd.cli.connect import errors_explained
from agentd.cli.named_bundles import NamedBundles
from agentd.cli.options import (
    BranchesOption,
    BundleFilesOption,
    JsonOption,
    PatchFilesOption,
    RepositoryOption,
)

ReviewOption = Annotated[
    str | None, typer.Option(metavar="ID", help="Take up this review. Default: the last one.")
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        metavar="REV",
        help="With named bundles: integrate into this. Default: the branch.",
    ),
]
MakersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="MAKER",
        help="Ask `entity`, a merge driver such as `mergiraf`, or a model such as `deepseek`. "
        "Many times: in this order. Default: the policy's.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write the verified proposals as bundle files.",
        dir_okay=False,
    ),
]
UnverifiedOption = Annotated[
    bool,
    typer.Option("--unverified", help="Be content with what merges though nothing proved it."),
]
MechanicalOption = Annotated[
    bool,
    typer.Option(
        "--mechanical", help="Have `entity` leave out what people may well decide otherwise."
    ),
]


def add_proposal_commands(app: typer.Typer) -> None:
    """Adds the commands to `agentd-coord`."""
    app.command("rebase")(_rebase)
    app.command("propose")(_propose)


def _rebase(
    bundle: Annotated[
        str,
        typer.Argument(metavar="BUNDLE", help="A bundle file, bundle id, owner, or branch."),
    ],
    repo: RepositoryOption = Path(),
    target: Annotated[
        str | None,
        typer.Option(
            metavar="REV", help="Bring it onto this revision. Default: the current branch."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the new bundle to a file for `review --bundle`.",
            dir_okay=False,
        ),
    ] = None,
    hand_in: Annotated[
        bool,
        typer.Option("--hand-in", help="Hand it in as a `result` event of the node it came from."),
    ] = False,
    lease: Annotated[
        str | None,
        typer.Option(metavar="ID", help="With --hand-in: the node's lease, while it is RUNNING."),
    ] = None,
    lock: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=LEASE", help="Make it the metadata of this lock. Many times."),
    ] = None,
) -> None:
    """Offer a stale bundle on the target's tip, if git can merge it.

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


def _propose(
    repo: RepositoryOption = Path(),
    review: ReviewOption = None,
    bundle: BundleFilesOption = None,
    patch: PatchFilesOption = None,
    branch: BranchesOption = None,
    target: TargetOption = None,
    makers: MakersOption = None,
    out: OutOption = None,
    unverified: UnverifiedOption = False,
    mechanical: MechanicalOption = False,
    json: JsonOption = False,
) -> None:
    """Propose merges of what conflicts, each reviewed as a bundle.

    Bundles that are named are reviewed first; without any, an earlier review is taken up.

    Asked are, for each file, the makers in turn until one's result passes the gates: `entity` joins
    what both sides add in one place (imports, functions, tests, entries, changelog lines); a merge
    driver runs in the walls of verification; a model sees the lines that conflict and both intents,
    and may touch nothing else. A proposal keeps every line of both, has to parse, and is verified
    with the project's commands in the place of the two that it stands for.

    \b
    Exit codes: 0 every conflict has a verified proposal, or there is none,
                10 some conflict has not, or a named bundle is rejected,
                1 failed, 2 wrong usage.
    \b
    Examples:
      agentd-coord propose
      agentd-coord propose --branch codex/a --branch agy/b --out merged.json
      agentd-coord review --bundle merged.json
      agentd-coord propose --with entity --with mergiraf --with deepseek
      agentd-coord propose --review 3f2a91c0 --json
    """
    from agentd.cli.propose_command import ProposeOptions, run_propose

    with errors_explained():
        options = ProposeOptions(
            repository=repo,
            target=target,
            review_id=review,
            named=NamedBundles.from_options(bundle, patch, branch),
            makers=tuple(makers or ()),
            out=out,
            unverified=unverified,
            mechanical_only=mechanical,
            as_json=json,
        )
        raise typer.Exit(run_propose(options))
