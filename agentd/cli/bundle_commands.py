"""The command `bundle` of `agentd-coord`: its options and its help.

A command parses, delegates, sets an exit code; everything heavy is imported inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentd.cli import completions
from agentd.cli.connect import errors_explained
from agentd.cli.options import RepositoryOption

BranchOption = Annotated[
    str | None,
    typer.Option(
        metavar="REV",
        help="Bundle this branch. Default: the worktree, uncommitted files included.",
    ),
]
PatchOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Bundle this file: a unified diff, or Codex's `*** Begin Patch`. Its base is "
        "--base, or the target.",
        dir_okay=False,
    ),
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        metavar="REV", help="Its base is the merge base with this. Default: the main branch."
    ),
]
BaseOption = Annotated[
    str | None, typer.Option(metavar="REV", help="The base itself, instead of --target.")
]
OwnerOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The worker's name. Default: the branch's, or the directory's."
    ),
]
ProviderOption = Annotated[str, typer.Option(metavar="NAME", help="Whose agent it is.")]
IntentOption = Annotated[str, typer.Option(metavar="TEXT", help="What the change is for.")]
SummaryOption = Annotated[str, typer.Option(metavar="TEXT", help="What the change does.")]
ConfidenceOption = Annotated[
    str | None,
    typer.Option(metavar="LEVEL", help="low, medium, high, or a number from 0 to 1."),
]
AssumptionsOption = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help="Something the change relies on. Many times."),
]
VerificationOption = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help="A check that was made: kept as a claim. Many times."),
]
AlternativeOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Bundles with the same name here exclude one another."),
]
LockOption = Annotated[
    bool,
    typer.Option("--lock", help="Hand it in as the metadata of locks on the touched files."),
]
TtlOption = Annotated[
    int, typer.Option(metavar="SECS", help="With --lock: how long the locks last.")
]
TaskOption = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Hand it in as a `result` event of this task; with --node and --lease.",
        autocompletion=completions.task_ids,
    ),
]
NodeOption = Annotated[str | None, typer.Option(metavar="ID", help="The task's node.")]
LeaseOption = Annotated[
    str | None, typer.Option(metavar="ID", help="The node's lease, while it is RUNNING.")
]
OutOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write it to a file for `review --bundle`.", dir_okay=False),
]


def add_bundle_command(app: typer.Typer) -> None:
    """Adds the command to `agentd-coord`."""
    app.command("bundle")(_bundle)


def _bundle(
    repo: RepositoryOption = Path(),
    branch: BranchOption = None,
    patch: PatchOption = None,
    target: TargetOption = None,
    base: BaseOption = None,
    owner: OwnerOption = None,
    provider: ProviderOption = "unknown",
    intent: IntentOption = "",
    summary: SummaryOption = "",
    confidence: ConfidenceOption = None,
    assumption: AssumptionsOption = None,
    verification: VerificationOption = None,
    alternative_of: AlternativeOption = None,
    lock: LockOption = False,
    ttl_secs: TtlOption = 3600,
    task: TaskOption = None,
    node: NodeOption = None,
    lease: LeaseOption = None,
    out: OutOption = None,
) -> None:
    """Make a bundle of a worktree, branch or patch, and hand it in.

    Without --lock, --task and --out the bundle is printed as JSON.

    \b
    Examples:
      agentd-coord bundle --owner codex-a --provider openai --intent "retry policy" --lock
      agentd-coord bundle --branch agy/fix --out agy.json
      agentd-coord bundle --patch codex.patch --owner codex-a --out codex.json
      agentd-coord bundle --task $TASK --node $NODE --lease $LEASE
    """
    from agentd.cli.bundle_command import BundleOptions, run_bundle

    with errors_explained():
        run_bundle(
            BundleOptions(
                repository=repo,
                branch=branch,
                patch_file=patch,
                target=target,
                base=base,
                owner=owner,
                provider=provider,
                intent=intent,
                summary=summary,
                confidence=confidence,
                assumptions=tuple(assumption or ()),
                verification=tuple(verification or ()),
                alternative_of=alternative_of,
                lock=lock,
                ttl_secs=ttl_secs,
                task_id=task,
                node_id=node,
                lease_id=lease,
                out=out,
            )
        )
