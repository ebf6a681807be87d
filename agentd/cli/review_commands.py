"""The command `review` of `agentd-coord`: its options and its help.

A command parses, delegates, sets an exit code; everything heavy is imported inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentd.cli import completions
from agentd.cli.connect import errors_explained
from agentd.cli.named_bundles import NamedBundles
from agentd.cli.options import (
    BranchesOption,
    BundleFilesOption,
    HtmlOption,
    HunksOption,
    JsonOption,
    PatchFilesOption,
    RepositoryOption,
)

TargetOption = Annotated[
    str | None,
    typer.Option(
        metavar="REV",
        help="Branch (or revision) to integrate into. Default: the current branch.",
    ),
]
BaseOption = Annotated[
    str | None,
    typer.Option(
        metavar="REV",
        help="Base of the --patch and --branch bundles. Default: a branch's merge base with "
        "the target, a patch's target.",
    ),
]
TaskOption = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Of the bundles in events, only this task's.",
        autocompletion=completions.task_ids,
    ),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Use this file instead of the target's .agentd/review.toml."),
]
AllowStaleCleanOption = Annotated[
    bool,
    typer.Option(
        "--allow-stale-clean", help="Merge stale bundles, too, if they are clean on the target."
    ),
]
ApplyOption = Annotated[
    bool,
    typer.Option("--apply", help="Land what merges: on a new branch, or see --onto-target."),
]
OntoTargetOption = Annotated[
    bool, typer.Option("--onto-target", help="With --apply: move the target itself.")
]
BranchNameOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="With --apply: name of the new branch. Default: agentd/review-ID."
    ),
]
ReplayOption = Annotated[
    str | None,
    typer.Option(
        metavar="ID|FILE",
        help="Decide a recorded review again, offline, and compare.",
        autocompletion=completions.review_ids,
    ),
]
RecordOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Also write the record to this file.", dir_okay=False),
]
NoRecordOption = Annotated[
    bool, typer.Option("--no-record", help="Keep no record, neither daemon's nor file.")
]


def add_review_command(app: typer.Typer) -> None:
    """Adds the command to `agentd-coord`."""
    app.command("review")(_review)


def _review(
    repo: RepositoryOption = Path(),
    target: TargetOption = None,
    bundle: BundleFilesOption = None,
    patch: PatchFilesOption = None,
    branch: BranchesOption = None,
    base: BaseOption = None,
    task: TaskOption = None,
    policy: PolicyOption = None,
    allow_stale_clean: AllowStaleCleanOption = False,
    apply: ApplyOption = False,
    onto_target: OntoTargetOption = False,
    branch_name: BranchNameOption = None,
    replay: ReplayOption = None,
    hunks: HunksOption = False,
    record: RecordOption = None,
    no_record: NoRecordOption = False,
    html: HtmlOption = None,
    json: JsonOption = False,
) -> None:
    """Decide on all bundles: merge, rebase, wait, reject or escalate.

    Bundles come from the daemon (lock metadata and events) and from the command line. Nothing is
    written to the repository unless --apply is given.

    \b
    Exit codes: 0 every bundle merges, 10 at least one does not, 1 failed,
                2 wrong usage, 3 no daemon and nothing named.
    \b
    Examples:
      agentd-coord review
      agentd-coord review --branch codex/fix --branch agy/fix --target main --hunks
      agentd-coord review --patch a.diff --patch b.diff --json --no-record
      agentd-coord review --html review.html
      agentd-coord review --apply --onto-target
      agentd-coord review --replay 3f2a91c0
    """
    from agentd.cli.review_command import ReviewOptions, run_replay, run_review

    with errors_explained():
        if replay is not None:
            raise typer.Exit(run_replay(repo, replay, html=html, show_hunks=hunks, as_json=json))
        options = ReviewOptions(
            repository=repo,
            target=target,
            named=NamedBundles.from_options(bundle, patch, branch),
            base=base,
            task_id=task,
            policy_file=policy,
            allow_stale_clean=allow_stale_clean,
            apply=apply,
            onto_target=onto_target,
            branch_name=branch_name,
            show_hunks=hunks,
            record_file=record,
            keep_record=not no_record,
            html_file=html,
            as_json=json,
        )
        raise typer.Exit(run_review(options))
