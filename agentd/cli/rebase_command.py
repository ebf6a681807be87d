"""`agentd-coord rebase`: offers a stale bundle on the target's tip, and hands it in if asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentd.cli.connect import connected_client, daemon_if_running, fail, settings
from agentd.cli.exit_codes import ExitCode
from agentd.cli.hand_in import hand_in_result
from agentd.cli.offer_files import write_offers
from agentd.cli.out_files import check_out_file
from agentd.cli.records import kept_records
from agentd.cli.terminal import print_json, say

if TYPE_CHECKING:
    from agentd.client.sync_client import Client
    from agentd.conflicts.judgement import Case
    from agentd.conflicts.proposals.offer import Offer
    from agentd.conflicts.proposals.rebase import NotRebased, Rebased
    from agentd.conflicts.review import Workplace


@dataclass(frozen=True, slots=True)
class RebaseOptions:
    """The command line of `rebase`."""

    repository: Path
    what: str
    target: str | None
    out: Path | None
    hand_in: bool
    lease_id: str | None
    locks: tuple[str, ...]
    """`KEY=LEASE`: the locks whose metadata the new bundle becomes."""


def run_rebase(options: RebaseOptions) -> ExitCode:
    """Rebases, prints or hands in. 10 where the bundle cannot be rebased mechanically; 1 where it
    is no sound bundle."""
    from agentd.conflicts.proposals.rebase import NotRebased
    from agentd.conflicts.review import open_workplace

    leases = [_lease_of(text) for text in options.locks]
    if options.lease_id is not None and not options.hand_in:
        fail("--lease belongs to --hand-in; a lock's is KEY=LEASE", code=ExitCode.USAGE)
    check_out_file(options.out, "--out")
    workplace = open_workplace(options.repository, settings().home)
    outcome = _rebase(options, workplace)
    if isinstance(outcome, NotRebased):
        return _explain(options, outcome)
    offer = outcome.offer
    say(
        f"rebased {outcome.original} to {offer.bundle_id}: {offer.said['diff_summary']}; nothing "
        "is verified of it yet, so review it"
    )
    if options.out is not None:
        write_offers([offer], options.out)
    if options.hand_in:
        _hand_in(options, offer)
    for key, lease in leases:
        _put_into_lock(key, lease, offer)
    if options.out is None and not options.hand_in and not leases:
        print_json(_as_text(offer))
    return ExitCode.OK


def _rebase(options: RebaseOptions, workplace: Workplace) -> Rebased | NotRebased:
    from agentd.conflicts.proposals.origins import Origins
    from agentd.conflicts.proposals.rebase import rebase
    from agentd.conflicts.review import read_policy

    name = options.target or "HEAD"
    tip = workplace.repository.commit_of(name)
    if tip is None:
        fail(f"the target {name!r} names no commit", hint="Name a branch with --target.")
    policy, _ = read_policy(workplace.quarantine, tip)
    with daemon_if_running() as client:
        submission = Origins(
            workplace.quarantine,
            tip,
            policy,
            daemon=client,
            kept=_kept_cases(workplace, client),
            directory=Path.cwd(),
        ).find(options.what)
    return rebase(submission, workplace.quarantine, tip, policy)


def _kept_cases(workplace: Workplace, client: Client | None) -> Iterator[Case]:
    from agentd.conflicts.case_codec import decode_case

    for record in kept_records(workplace, client, settings().home_layout.reviews):
        yield decode_case(record["inputs"]["case"])


def _explain(options: RebaseOptions, outcome: NotRebased) -> ExitCode:
    from agentd.conflicts.freshness import Freshness

    if not outcome.findings:
        say(f"{outcome.original} starts from the target's tip already; review it as it is")
        if options.out is not None or options.hand_in or options.locks:
            say("so nothing was written or handed in")
        return ExitCode.OK
    unsound = outcome.freshness is Freshness.UNKNOWN
    say(f"{outcome.original} cannot be rebased{'' if unsound else ' mechanically'}:")
    for finding in outcome.findings:
        say(f"  {finding.message}")
    if unsound:
        return ExitCode.FAILED
    if outcome.freshness is Freshness.STALE_CONFLICTING:
        say("`agentd-coord propose` may merge it with the target, after a review that has it")
    return ExitCode.NOT_ALL_MERGE


def _as_text(offer: Offer) -> dict[str, Any]:
    if not offer.is_text:
        fail("the patch is no valid text, so JSON cannot hold it", hint="Write it with --out FILE.")
    return offer.to_json()


def _hand_in(options: RebaseOptions, offer: Offer) -> None:
    task = offer.said.get("task_id")
    if task is None:
        fail(
            "the bundle came from no task, so there is none to hand it in to",
            hint="Write it with --out FILE, or put it into your lock with --lock KEY=LEASE.",
        )
    seq = hand_in_result(
        _as_text(offer),
        task_id=task,
        node_id=offer.said.get("node_id"),
        lease_id=options.lease_id,
    )
    say(f"handed in as event {seq}")


def _lease_of(text: str) -> tuple[str, str]:
    key, separator, lease = text.rpartition("=")
    if not separator or not key or not lease:
        fail("--lock takes KEY=LEASE, such as file:src/a.py=LEASE", code=ExitCode.USAGE)
    return key, lease


def _put_into_lock(key: str, lease: str, offer: Offer) -> None:
    with connected_client() as client:
        client.call(
            "HeartbeatResourceLock",
            {"resource_key": key, "lease_id": lease, "metadata": _as_text(offer)},
        )
    say(f"put into the lock on {key}")
