"""The commands `locks`, `tasks`, `decisions` and `explain` of `agentd-coord`: what is known.

A command parses, delegates, sets an exit code; everything heavy is imported inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentd.cli import completions
from agentd.cli.connect import errors_explained
from agentd.cli.options import HtmlOption, JsonOption, RepositoryOption
from agentd.core.states import TaskState


def add_list_commands(app: typer.Typer) -> None:
    """Adds the commands to `agentd-coord`."""
    app.command("locks")(_locks)
    app.command("tasks")(_tasks)
    app.command("decisions")(_decisions)
    app.command("explain")(_explain)


def _locks(
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


def _tasks(
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


def _decisions(
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


def _explain(
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
    from agentd.cli.explain import explain

    with errors_explained():
        explain(repo, what, as_json=json)
