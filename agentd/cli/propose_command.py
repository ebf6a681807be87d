"""`agentd-coord propose`: proposes merges for what conflicts, and says what became of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentd.cli.connect import daemon_if_running, fail, settings
from agentd.cli.exit_codes import ExitCode
from agentd.cli.makers import check_models, makers
from agentd.cli.named_bundles import NamedBundles
from agentd.cli.offer_files import write_offers
from agentd.cli.out_files import check_out_file
from agentd.cli.records import kept_records
from agentd.cli.terminal import console, print_json, progress_line, say, styled

if TYPE_CHECKING:
    from agentd.conflicts.proposals.making import Attempt
    from agentd.conflicts.proposals.offer import Offer
    from agentd.conflicts.proposals.propose import Proposed
    from agentd.conflicts.review import ReviewRequest, Workplace

_STYLES: Final = {"verified": "green", "unverified": "yellow"}


@dataclass(frozen=True, slots=True)
class ProposeOptions:
    """The command line of `propose`."""

    repository: Path
    target: str | None
    review_id: str | None
    named: NamedBundles
    """What is reviewed first; nothing named: an earlier review is taken up."""
    makers: tuple[str, ...]
    """Who is asked; nobody named: whom the policy names."""
    out: Path | None
    unverified: bool
    mechanical_only: bool
    """Whether `entity` also merges where people may well decide otherwise."""
    as_json: bool


def run_propose(options: ProposeOptions) -> ExitCode:
    """Proposes and prints. 10 where a conflict is left without a verified proposal."""
    if options.review_id is not None and options.named.is_given:
        fail("--review and naming bundles exclude one another", code=ExitCode.USAGE)
    if options.target is not None and not options.named.is_given:
        fail(
            "--target belongs to named bundles; an earlier review has its own", code=ExitCode.USAGE
        )
    check_out_file(options.out, "--out")
    check_models(options.makers)
    from agentd.conflicts.proposals.propose import Became
    from agentd.conflicts.review import open_workplace

    workplace = open_workplace(options.repository, settings().home)
    request = _request(options)
    with progress_line(quiet=options.as_json) as report:
        record = _record(options, request, workplace)
        proposed = _propose(options, request, workplace, record, report)
    taken = {Became.VERIFIED, Became.UNVERIFIED} if options.unverified else {Became.VERIFIED}
    offered = [each.offer for each in proposed if each.became in taken and each.offer]
    _print(options, record, proposed)
    if options.out is not None and offered:
        write_offers(offered, options.out)
    else:
        _say_what_next(options, proposed, offered)
    rejected = _say_who_is_rejected(record, proposed)
    done = len(offered) == len(proposed) and not (options.named.is_given and rejected)
    return ExitCode.OK if done else ExitCode.NOT_ALL_MERGE


def _request(options: ProposeOptions) -> ReviewRequest:
    from agentd.conflicts.review import ReviewRequest
    from agentd.settings import process_environment

    configured = settings()
    return ReviewRequest(
        repository=options.repository,
        home=configured.home,
        target=options.target,
        bundles=options.named.read(),
        directory=Path.cwd(),
        readable=options.named.readable,
        environ=process_environment(),
        hidden=configured.private_paths,
    )


def _record(
    options: ProposeOptions, request: ReviewRequest, workplace: Workplace
) -> Mapping[str, Any]:
    """The review whose conflicts are taken up: one that is kept, or one of the named bundles."""
    from agentd.conflicts.replay import kept_record
    from agentd.conflicts.review import review

    if options.named.is_given:
        return review(request).record
    if options.review_id is not None:
        record: Mapping[str, Any] = kept_record(workplace, options.review_id)
    else:
        record = _last_record(workplace)
    name = str(record["target"]["name"])
    if workplace.repository.commit_of(name) != record["target"]["commit"]:
        fail(
            f"{name} has moved since review {record['review_id'][:8]}",
            hint="Review again, then propose: what conflicted may not any more.",
        )
    return record


def _last_record(workplace: Workplace) -> Mapping[str, Any]:
    with daemon_if_running() as client:
        kept = kept_records(workplace, client, settings().home_layout.reviews)
        record = next(kept, None)
    if record is None:
        fail(
            "no review of this repository is kept",
            hint="Run `agentd-coord review` first, or name bundles with --bundle or --branch.",
        )
    return record


def _propose(
    options: ProposeOptions,
    request: ReviewRequest,
    workplace: Workplace,
    record: Mapping[str, Any],
    report: Callable[[str], None],
) -> tuple[Proposed, ...]:
    from agentd.conflicts.policy.policy import policy_from_json
    from agentd.conflicts.proposals.propose import Proposing

    # The policy of the target's commit, as the review had it.
    policy = policy_from_json(record["inputs"]["case"]["policy"])
    asked = makers(options.makers, policy, mechanical_only=options.mechanical_only)
    return Proposing(request, workplace, record, asked, report).propose()


def _print(
    options: ProposeOptions, record: Mapping[str, Any], proposed: Sequence[Proposed]
) -> None:
    if options.as_json:
        print_json(
            {
                "review_id": record["review_id"],
                "proposals": [each.to_json() for each in proposed],
            }
        )
        return
    out = console()
    if not proposed:
        out.print(f"Review {record['review_id'][:8]} has no conflict that a merge could settle.")
    for each in proposed:
        style = _STYLES.get(each.became.value, "red")
        out.print(
            styled(f"{each.left.owner} and {each.right.owner}: "),
            styled(each.became.value, style),
            sep="",
        )
        out.print(styled(f"  {each.message}"), soft_wrap=True)
        for attempt in each.resolution.attempts if each.resolution else ():
            if line := _told(attempt):
                out.print(styled(line, "dim"), soft_wrap=True)
        if each.offer is not None and each.record is not None:
            out.print(
                styled(f"  {each.offer.bundle_id}, review {each.record['review_id'][:8]}", "dim")
            )


def _told(attempt: Attempt) -> str | None:
    """Who made what is taken, and whatever cost something."""
    usage = attempt.details.get("usage")
    cost = (
        f" ({attempt.details['model']}, {usage['prompt_tokens']} + {usage['completion_tokens']} "
        "tokens)"
        if isinstance(usage, Mapping)
        else ""
    )
    if attempt.problem is None:
        doubt = attempt.details.get("doubt")
        grade = f" (plausible: {doubt})" if doubt else ""
        return f"  {attempt.path} merged by {attempt.maker}{grade}{cost}"
    return f"  {attempt.path} not merged by {attempt.maker}{cost}" if cost else None


def _say_who_is_rejected(record: Mapping[str, Any], proposed: Sequence[Proposed]) -> bool:
    """Names the bundles that cannot merge for another reason than a conflict."""
    parties = {party.bundle_id for each in proposed for party in (each.left, each.right)}
    owners = {each["bundle_id"]: each["owner"] for each in record["bundles"]}
    rejected = [
        each
        for each in record["decisions"]
        if each["action"] == "reject" and each["bundle_id"] not in parties
    ]
    for each in rejected:
        say(f"{owners[each['bundle_id']]}: reject: {each['reasons'][0]['message']}")
    return bool(rejected)


def _say_what_next(
    options: ProposeOptions, proposed: Sequence[Proposed], offered: Sequence[Offer]
) -> None:
    if offered:
        say("next: the same with --out FILE, then agentd-coord review --bundle FILE")
    elif any(each.became == "unverified" for each in proposed):
        say("nothing was proved: with --unverified, what merges is taken all the same")
    elif options.out is not None:
        say("nothing was written: there is no verified proposal")
