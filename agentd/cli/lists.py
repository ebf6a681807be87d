"""The lists: locks, tasks, reviews. Each fetches, and prints a table or JSON."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agentd.cli.actions import tally
from agentd.cli.connect import connected_client, daemon_if_running, settings
from agentd.cli.out_files import check_out_file
from agentd.cli.records import NO_DAEMON_REVIEWS, Record, all_records, find_record
from agentd.cli.report_file import write_report
from agentd.cli.terminal import console, print_json, styled
from agentd.client.listing import all_locks, all_tasks, whole_task
from agentd.core.states import TaskState
from agentd.errors import AgentdError, NotFound

if TYPE_CHECKING:
    from agentd.client.sync_client import Client

_GOAL_CHARS = 60
_UUID_CHARS = 36


def show_locks(*, prefix: str | None, owner: str | None, as_json: bool) -> None:
    """The live locks."""
    from rich.table import Table

    wanted = {"prefix": prefix, "owner": owner}
    params = {name: value for name, value in wanted.items() if value is not None}
    with connected_client() as client:
        locks = all_locks(client, params)
    if as_json:
        print_json({"locks": locks})
        return
    out = console()
    if not locks:
        out.print("No such lock is held." if params else "No locks are held.")
        return
    # Most clients name no repository; where some do, equal paths are told apart by it.
    namespaces = ["NAMESPACE"] if any(lock["namespace"] for lock in locks) else []
    table = Table(
        "RESOURCE", "OWNER", "PROVIDER", "MODE", "ENDS IN", "INTENT", *namespaces, box=None
    )
    for lock in locks:
        cells = [
            styled(lock["owner"]),
            styled(lock["provider"]),
            styled(lock["mode"]),
            styled(_remaining(lock["expires_at"])),
            styled(str(lock["metadata"].get("intent", ""))),
            *([styled(lock["namespace"])] if namespaces else []),
        ]
        table.add_row(styled(lock["resource_key"], "bold"), *cells)
    out.print(table)


def show_tasks(*, state: TaskState | None, as_json: bool) -> None:
    """All tasks, newest first."""
    from rich.table import Table

    with connected_client() as client:
        tasks = all_tasks(client, {} if state is None else {"state": state})
    if as_json:
        print_json({"tasks": tasks})
        return
    out = console()
    if not tasks:
        out.print("There are no tasks." if state is None else f"No task is {state}.")
        return
    table = Table("TASK", "STATE", "DONE", "CREATED", "GOAL", box=None)
    for task in tasks:
        counts = task["counts"]
        done = f"{counts.get('COMPLETED', 0)}/{sum(counts.values())}"
        table.add_row(
            styled(task["id"][:8], "bold"),
            styled(task["state"]),
            styled(done),
            styled(task["created_at"]),
            styled(_shortened(task["goal"])),
        )
    out.print(table)


def show_task(task_id: str, *, as_json: bool) -> None:
    """One task with its nodes."""
    from rich.table import Table

    with connected_client() as client:
        status = whole_task(client, _whole_task_id(client, task_id))
    if as_json:
        print_json(status)
        return
    out = console()
    out.print(styled(f"{status['task']['goal']}", "bold"))
    table = Table("NODE", "KEY", "STATUS", "OWNER", "ATTEMPTS", "WAITS FOR", box=None)
    names = {node["id"]: node["key"] or node["id"][:8] for node in status["nodes"]}
    for node in status["nodes"]:
        table.add_row(
            styled(node["id"][:8]),
            styled(node["key"] or ""),
            styled(node["status"], "bold"),
            styled(node["lease_owner"] or ""),
            styled(str(node["attempts"])),
            styled(", ".join(names[blocker] for blocker in node["blocked_by"])),
        )
    out.print(table)


def show_reviews(repository: Path | None, *, as_json: bool) -> None:
    """The reviews that are kept, newest first."""
    from rich.table import Table

    with daemon_if_running() as client:
        is_whole = client is not None
        records = all_records(
            client, settings().home_layout.reviews, repository=_namespace(repository)
        )
    records.reverse()
    if as_json:
        print_json({"reviews": records})
        return
    out = console()
    if not is_whole:
        sys.stderr.write(f"{NO_DAEMON_REVIEWS}\n")
    if not records:
        out.print("No reviews are kept yet. Run `agentd-coord review`.")
        return
    table = Table("REVIEW", "CREATED", "TARGET", "DECISIONS", "LANDED ON", "REPOSITORY", box=None)
    for column in table.columns[:2]:
        column.no_wrap = True
    for record in records:
        actions = [decision["action"] for decision in record["decisions"]]
        counted = ", ".join(f"{count} {name}" for name, count in tally(actions))
        target = record["target"]
        integration = record.get("integration") or {}
        table.add_row(
            styled(record["review_id"][:8], "bold"),
            styled(_minute(record["created_at"])),
            styled(str(target.get("ref") or target["commit"][:12]).removeprefix("refs/heads/")),
            styled(counted or "no bundles"),
            styled(str(integration.get("ref") or "").removeprefix("refs/heads/")),
            styled(record["repository"]),
        )
    out.print(table)


def show_review(review_id: str, *, hunks: bool, html: Path | None, as_json: bool) -> None:
    """One review, as it was printed when it was made."""
    from agentd.cli.review_view import print_review

    check_out_file(html, "--html")
    with daemon_if_running() as client:
        record = _whole(find_record(client, settings().home_layout.reviews, review_id))
    if as_json:
        print_json(record)
    else:
        print_review(console(), record, show_hunks=hunks)
        if record.get("shortened") is True:
            console().print(
                "This copy was shortened, and nothing more is kept of the review: evidence and "
                "hunks are missing.",
                style="dim",
            )
    if html is not None:
        write_report(html, record, as_json=as_json)


def _whole(record: Record) -> Record:
    """What the referee kept of a review of which the daemon has a shortened copy, if it still has.

    Where it landed only the copy knows.
    """
    from agentd.conflicts.replay import kept_record
    from agentd.conflicts.review import open_workplace

    if record.get("shortened") is not True:
        return record
    try:
        workplace = open_workplace(Path(record["repository"]), settings().home)
        kept = kept_record(workplace, record["review_id"])
    except AgentdError:
        return record
    del kept["inputs"]
    return {**kept, "integration": record["integration"]}


def _minute(instant: str) -> str:
    """`2026-01-31T12:00:00.000Z` as it is read down a list."""
    return instant[:16].replace("T", " ")


def _shortened(goal: str) -> str:
    return goal if len(goal) <= _GOAL_CHARS else f"{goal[: _GOAL_CHARS - 1]}…"


def _whole_task_id(client: Client, beginning: str) -> str:
    if len(beginning) >= _UUID_CHARS:
        return beginning
    matching = [
        str(task["id"])
        for task in all_tasks(client, {})
        if task["id"].startswith(beginning.lower())
    ]
    if len(matching) == 1:
        return matching[0]
    raise NotFound(
        "task_not_found",
        f"{len(matching) or 'no'} tasks have an id that begins with {beginning}",
        hint="`agentd-coord tasks` lists them.",
    )


def _namespace(repository: Path | None) -> str | None:
    if repository is None:
        return None
    from agentd.conflicts.review import open_workplace

    return open_workplace(repository, settings().home).repository.namespace


def _remaining(expires_at: int) -> str:
    secs = max(0, int(expires_at - datetime.now(UTC).timestamp()))
    hours, rest = divmod(secs, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"
