"""`agentd-coord review`: from options to a request, from the outcome to a record and a printout."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentd.cli.connect import daemon_if_running, fail, settings
from agentd.cli.exit_codes import ExitCode
from agentd.cli.named_bundles import NamedBundles
from agentd.cli.out_files import check_out_file
from agentd.cli.records import Record, load_record, record_path, save_record
from agentd.cli.report_file import write_report
from agentd.cli.review_view import conflicting_hunks, print_review
from agentd.cli.terminal import console, print_json, printable, progress_line
from agentd.errors import AgentdError, InvalidParams

if TYPE_CHECKING:
    from agentd.client.sync_client import Client
    from agentd.conflicts.review import ReviewOutcome, ReviewRequest
    from agentd.settings import Settings


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """The command line of `review`."""

    repository: Path
    target: str | None
    named: NamedBundles
    base: str | None
    task_id: str | None
    policy_file: Path | None
    allow_stale_clean: bool
    apply: bool
    onto_target: bool
    branch_name: str | None
    show_hunks: bool
    record_file: Path | None
    keep_record: bool
    html_file: Path | None
    as_json: bool


def run_review(options: ReviewOptions) -> ExitCode:
    """Reviews, records, prints."""
    _check(options)
    configured = settings()
    with daemon_if_running() as client:
        if client is None and not options.named.is_given:
            fail(
                f"no daemon answers on {configured.socket_path}, and no bundle was named",
                hint="Start the daemon with `agentd`, or name bundles with --bundle, --patch or "
                "--branch.",
                code=ExitCode.NO_DAEMON,
            )
        outcome = _review(options, configured, client)
        kept = _keep(options, configured, client, outcome.record)
    _print(options, outcome, kept)
    if options.html_file is not None:
        write_report(options.html_file, outcome.record, as_json=options.as_json)
    return ExitCode.OK if outcome.all_merge else ExitCode.NOT_ALL_MERGE


def run_replay(
    repository: Path, what: str, *, html: Path | None, show_hunks: bool, as_json: bool
) -> ExitCode:
    """Judges a kept review again and says whether the same comes out, byte for byte."""
    from agentd.conflicts.replay import replay, replay_record
    from agentd.conflicts.review import open_workplace

    check_out_file(html, "--html")
    home = settings().home
    if os.path.isfile(what):
        replayed = replay_record(open_workplace(repository, home), load_record(Path(what)))
    else:
        replayed = replay(repository, home, what)
    if as_json:
        print_json(replayed.record)
    else:
        print_review(console(), replayed.record, show_hunks=show_hunks)
    if html is not None:
        write_report(html, replayed.record, as_json=as_json)
    for other in replayed.other_readers:
        sys.stderr.write(f"replayed {replayed.review_id[:8]} with another reader: {other}\n")
    if replayed.same_decisions:
        sys.stderr.write(f"replayed {replayed.review_id[:8]}: the same decisions, byte for byte\n")
        return ExitCode.OK
    sys.stderr.write(
        f"replayed {replayed.review_id[:8]}: other decisions than recorded; different parts: "
        f"{', '.join(replayed.differences)}\n"
    )
    return ExitCode.FAILED


def _check(options: ReviewOptions) -> None:
    if (options.onto_target or options.branch_name) and not options.apply:
        fail(
            "--onto-target and --branch-name say where to land, so they need --apply",
            code=ExitCode.USAGE,
        )
    if options.onto_target and options.branch_name:
        fail("--onto-target and --branch-name exclude one another", code=ExitCode.USAGE)
    check_out_file(options.html_file, "--html")
    check_out_file(options.record_file, "--record")
    if options.record_file and not options.keep_record:
        fail("--record and --no-record exclude one another", code=ExitCode.USAGE)


def _review(options: ReviewOptions, configured: Settings, client: Client | None) -> ReviewOutcome:
    from agentd.conflicts.review import review

    request = _request(options, configured, client)
    with progress_line(quiet=options.as_json) as report:
        return review(request, progress=report)


def _request(options: ReviewOptions, configured: Settings, client: Client | None) -> ReviewRequest:
    from agentd.conflicts.review import ReviewRequest
    from agentd.settings import process_environment

    return ReviewRequest(
        repository=options.repository,
        home=configured.home,
        target=options.target,
        bundles=options.named.read(),
        daemon=client,
        task_id=options.task_id,
        base=options.base,
        policy_text=_policy_text(options.policy_file),
        allow_stale_clean=options.allow_stale_clean,
        apply=options.apply,
        onto_target=options.onto_target,
        branch=options.branch_name,
        keep=options.keep_record,
        directory=Path.cwd(),
        readable=options.named.readable,
        environ=process_environment(),
        hidden=configured.private_paths,
    )


def _policy_text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InvalidParams(
            "invalid_field",
            f"the policy file {path} cannot be read: {why}",
            hint="Name a TOML file; docs/conflict-policy.md has an example.",
            path="--policy",
            rule="must be a readable file",
        ) from None


def _keep(
    options: ReviewOptions, configured: Settings, client: Client | None, record: Record
) -> str | None:
    """Keeps the record where it belongs and says where that is."""
    if options.record_file is not None:
        save_record(options.record_file, record)
    if not options.keep_record:
        return None
    if client is not None:
        try:
            return _record_with_daemon(client, record)
        except AgentdError as error:
            sys.stderr.write(
                f"warning: the daemon did not take the record ({printable(error.message)}); "
                "it is kept as a file\n"
            )
    if options.record_file is not None:
        return str(options.record_file)
    path = record_path(configured.home_layout.reviews, record["review_id"])
    save_record(path, record)
    return str(path)


def _record_with_daemon(client: Client, record: Record) -> str:
    from agentd.conflicts.daemon_copy import for_daemon

    client.call(
        "RecordDecision",
        {"review": for_daemon(record), "idempotency_key": f"review:{record['review_id']}"},
    )
    return "the daemon's journal"


def _print(options: ReviewOptions, outcome: ReviewOutcome, kept: str | None) -> None:
    if options.as_json:
        print_json(outcome.record)
        return
    out = console()
    record = outcome.record
    print_review(out, record, show_hunks=options.show_hunks)
    if record["integration"] and outcome.landed is None:
        out.print("Nothing was written. To land it, add --apply.", style="dim")
    if not options.show_hunks and any(True for _ in conflicting_hunks(record)):
        again = _again(options, record, kept)
        out.print(f"Both sides of the conflicts: {again}", style="dim", soft_wrap=True)
    if outcome.landed is not None and outcome.landed.behind is not None:
        out.print(
            f"The checkout in {printable(str(outcome.landed.behind))} was not touched and still "
            "has the old files. To bring it along, with what is not committed kept:",
            soft_wrap=True,
        )
        out.print(printable(outcome.landed.next_step), style="bold", soft_wrap=True)
    elif outcome.landed is not None:
        out.print(f"Next: {printable(outcome.landed.next_step)}", style="dim", soft_wrap=True)
    if kept is not None and record["decisions"]:
        out.print(f"Recorded in {printable(kept)}.", style="dim", soft_wrap=True)


def _again(options: ReviewOptions, record: Record, kept: str | None) -> str:
    """The command that shows the review with its hunks, from where it was kept."""
    if kept is None:
        return "add --hunks"
    if kept == str(options.record_file):
        return f"agentd-coord review --replay {shlex.quote(printable(kept))} --hunks"
    return f"agentd-coord decisions {record['review_id'][:8]} --hunks"
