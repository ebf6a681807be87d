"""`agentd-coord`: the referee's command line. A command parses, delegates, sets an exit code.

Everything heavy is imported inside the commands, so that help and completion answer at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentd.cli import completions
from agentd.cli.agent_commands import add_agent_commands
from agentd.cli.connect import errors_explained
from agentd.cli.guard_commands import add_guard_commands
from agentd.cli.hook_commands import add_hook_commands
from agentd.cli.mcp_commands import add_mcp_commands
from agentd.cli.proposal_commands import add_proposal_commands
from agentd.core.states import TaskState

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

RepositoryOption = Annotated[
    Path,
    typer.Option(
        "--repo", metavar="DIR", help="The git repository, a worktree of it, or a bare one."
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", help="Also write the review as a web page.", dir_okay=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from agentd import __version__

        typer.echo(f"agentd-coord {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


@app.command()
def review(
    repo: RepositoryOption = Path(),
    target: Annotated[
        str | None,
        typer.Option(
            metavar="REV",
            help="Branch (or revision) to integrate into. Default: the current branch.",
        ),
    ] = None,
    bundle: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A bundle as a JSON file. May be given many times."),
    ] = None,
    patch: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A unified diff, or Codex's `*** Begin Patch`. Its owner is the file's name. "
            "Many times.",
        ),
    ] = None,
    branch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REV", help="A branch or revision. Its owner is the name as given. Many times."
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="REV",
            help="Base of the --patch and --branch bundles. Default: a branch's merge base with "
            "the target, a patch's target.",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Of the bundles in events, only this task's.",
            autocompletion=completions.task_ids,
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Use this file instead of the target's .agentd/review.toml."
        ),
    ] = None,
    allow_stale_clean: Annotated[
        bool,
        typer.Option(
            "--allow-stale-clean", help="Merge stale bundles, too, if they are clean on the target."
        ),
    ] = False,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Land what merges: on a new branch, or see --onto-target."),
    ] = False,
    onto_target: Annotated[
        bool, typer.Option("--onto-target", help="With --apply: move the target itself.")
    ] = False,
    branch_name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="With --apply: name of the new branch. Default: agentd/review-ID."
        ),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="ID|FILE",
            help="Decide a recorded review again, offline, and compare.",
            autocompletion=completions.review_ids,
        ),
    ] = None,
    hunks: Annotated[
        bool, typer.Option("--hunks", help="Show both sides of conflicting hunks side by side.")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the record to this file.", dir_okay=False),
    ] = None,
    no_record: Annotated[
        bool, typer.Option("--no-record", help="Keep no record, neither daemon's nor file.")
    ] = False,
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
            raise typer.Exit(run_replay(repo, replay, html=html, as_json=json))
        options = ReviewOptions(
            repository=repo,
            target=target,
            bundle_files=tuple(bundle or ()),
            patch_files=tuple(patch or ()),
            branches=tuple(branch or ()),
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


@app.command("bundle")
def bundle_command(
    repo: RepositoryOption = Path(),
    branch: Annotated[
        str | None,
        typer.Option(
            metavar="REV",
            help="Bundle this branch. Default: the worktree, uncommitted files included.",
        ),
    ] = None,
    patch: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Bundle this file: a unified diff, or Codex's `*** Begin Patch`. Its base is "
            "--base, or the target.",
            dir_okay=False,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="REV", help="Its base is the merge base with this. Default: the main branch."
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="REV", help="The base itself, instead of --target."),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The worker's name. Default: the branch's, or the directory's."
        ),
    ] = None,
    provider: Annotated[str, typer.Option(metavar="NAME", help="Whose agent it is.")] = "unknown",
    intent: Annotated[str, typer.Option(metavar="TEXT", help="What the change is for.")] = "",
    summary: Annotated[str, typer.Option(metavar="TEXT", help="What the change does.")] = "",
    confidence: Annotated[
        str | None,
        typer.Option(metavar="LEVEL", help="low, medium, high, or a number from 0 to 1."),
    ] = None,
    assumption: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Something the change relies on. Many times."),
    ] = None,
    verification: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="A check that was made: kept as a claim. Many times."),
    ] = None,
    alternative_of: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Bundles with the same name here exclude one another."),
    ] = None,
    lock: Annotated[
        bool,
        typer.Option("--lock", help="Hand it in as the metadata of locks on the touched files."),
    ] = False,
    ttl_secs: Annotated[
        int, typer.Option(metavar="SECS", help="With --lock: how long the locks last.")
    ] = 3600,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Hand it in as a `result` event of this task; with --node and --lease.",
            autocompletion=completions.task_ids,
        ),
    ] = None,
    node: Annotated[str | None, typer.Option(metavar="ID", help="The task's node.")] = None,
    lease: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The node's lease, while it is RUNNING."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write it to a file for `review --bundle`.", dir_okay=False
        ),
    ] = None,
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


@app.command()
def watch(
    repo: RepositoryOption = Path(),
    target: Annotated[
        str | None,
        typer.Option(
            metavar="REV", help="Compare on this revision. Default: what the main worktree is on."
        ),
    ] = None,
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


@app.command()
def check(
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
    target: Annotated[
        str | None,
        typer.Option(
            metavar="REV", help="Compare on this revision. Default: what the main worktree is on."
        ),
    ] = None,
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


@app.command()
def locks(
    prefix: Annotated[
        str | None,
        typer.Argument(
            metavar="PREFIX",
            help="Only keys that begin with this, such as file:src/.",
            autocompletion=completions.lock_keys,
        ),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only this owner's.", autocompletion=completions.lock_owners
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the live locks: who holds what, until when, and why.

    \b
    Examples:
      agentd-coord locks
      agentd-coord locks file:src/ --json
    """
    from agentd.cli.lists import show_locks

    with errors_explained():
        show_locks(prefix=prefix, owner=owner, as_json=json)


@app.command()
def tasks(
    task_id: Annotated[
        str | None,
        typer.Argument(
            metavar="TASK",
            help="Show this task's nodes; the first characters of its id are enough.",
            autocompletion=completions.task_ids,
        ),
    ] = None,
    state: Annotated[
        TaskState | None,
        typer.Option(help="Only tasks in this state."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the tasks, or the nodes of one.

    \b
    Examples:
      agentd-coord tasks --state active
      agentd-coord tasks 7d0c6f0e
    """
    from agentd.cli.lists import show_task, show_tasks

    with errors_explained():
        if task_id is None:
            show_tasks(state=state, as_json=json)
        else:
            show_task(task_id, as_json=json)


@app.command()
def decisions(
    review_id: Annotated[
        str | None,
        typer.Argument(
            metavar="REVIEW",
            help="Show this review; the first characters of its id are enough.",
            autocompletion=completions.review_ids,
        ),
    ] = None,
    repo: Annotated[
        Path | None,
        typer.Option(
            "--repo", metavar="DIR", help="Only reviews of this repository. Default: of all."
        ),
    ] = None,
    hunks: Annotated[
        bool, typer.Option("--hunks", help="With an id: conflicting hunks side by side.")
    ] = False,
    html: HtmlOption = None,
    json: JsonOption = False,
) -> None:
    """List the reviews that are kept, or show one.

    \b
    Examples:
      agentd-coord decisions
      agentd-coord decisions 3f2a91c0 --hunks
      agentd-coord decisions 3f2a91c0 --html review.html
    """
    from agentd.cli.lists import show_review, show_reviews

    with errors_explained():
        if review_id is None:
            if html is not None:
                raise typer.BadParameter("it needs the id of a review", param_hint="--html")
            show_reviews(repo, as_json=json)
        else:
            show_review(review_id, hunks=hunks, html=html, as_json=json)


@app.command()
def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="PATH|COMMIT|BUNDLE|OWNER",
            help="What to look up.",
            autocompletion=completions.bundle_names,
        ),
    ],
    repo: RepositoryOption = Path(),
    json: JsonOption = False,
) -> None:
    """Say what was decided on a path, commit or owner, and why.

    \b
    Examples:
      agentd-coord explain src/retry.py
      agentd-coord explain b-3f9c2d1e8a7b6c5d
    """
    from agentd.cli.explain import explain as run_explain

    with errors_explained():
        run_explain(repo, what, as_json=json)


@app.command()
def demo(
    pause: Annotated[
        float, typer.Option(metavar="SECS", help="Seconds to wait between the steps.")
    ] = 0.0,
) -> None:
    """Watch the referee decide between the patches of three vendors.

    Everything happens in a temporary directory that is removed at the end.
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


add_proposal_commands(app)
add_hook_commands(app)
add_guard_commands(app)
add_mcp_commands(app)
add_agent_commands(app)


def main() -> None:
    """The entry point of `agentd-coord`."""
    app()


if __name__ == "__main__":
    main()
