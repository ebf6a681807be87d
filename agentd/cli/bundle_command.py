"""`agentd-coord bundle`: makes a bundle of a worktree or branch and hands it in."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from agentd.cli.connect import connected_client, fail, settings
from agentd.cli.exit_codes import ExitCode
from agentd.cli.hand_in import hand_in_result
from agentd.cli.out_files import check_out_file, write_whole
from agentd.cli.terminal import print_json, printable, say
from agentd.client.listing import all_locks
from agentd.core.resource_keys import ResourceKey, overlap

if TYPE_CHECKING:
    from agentd.client.sync_client import Client
    from agentd.conflicts.bundles.make_bundle import MadeBundle
    from agentd.conflicts.review import Workplace


_PATCH_BYTES_MAX = 64 * 2**20
_HAND_IN_OTHERWISE = "Hand the bundle in with --out or --task: a review compares it all the same."


@dataclass(frozen=True, slots=True)
class BundleOptions:
    """The command line of `bundle`."""

    repository: Path
    branch: str | None
    patch_file: Path | None
    target: str | None
    base: str | None
    owner: str | None
    provider: str
    intent: str
    summary: str
    confidence: str | None
    assumptions: tuple[str, ...]
    verification: tuple[str, ...]
    alternative_of: str | None
    lock: bool
    ttl_secs: int
    task_id: str | None
    node_id: str | None
    lease_id: str | None
    out: Path | None


def run_bundle(options: BundleOptions) -> None:
    """Makes the bundle and hands it in; prints it where it goes nowhere else."""
    _check(options)
    from agentd.conflicts.review import open_workplace

    workplace = open_workplace(options.repository, settings().home)
    made = _made(options, workplace)
    if made.is_empty:
        fail(
            "there is nothing to hand in: no difference to the base",
            hint="Change something first, or name another --branch or --base.",
        )
    bundle = _described(options, workplace, made)
    if options.out is not None:
        _write(options.out, bundle)
        say(f"wrote {options.out}: {bundle['diff_summary']}")
    if options.task_id is not None:
        _hand_in_as_event(options, options.task_id, bundle)
    if options.lock:
        _hand_in_as_locks(options, workplace, bundle)
    if options.out is None and options.task_id is None and not options.lock:
        print_json(bundle)


def _check(options: BundleOptions) -> None:
    if (options.node_id or options.lease_id) and options.task_id is None:
        fail("--node and --lease belong to --task", code=ExitCode.USAGE)
    if options.branch is not None and options.patch_file is not None:
        fail("--branch and --patch exclude one another", code=ExitCode.USAGE)
    check_out_file(options.out, "--out")
    if options.confidence is not None:
        _check_confidence(options.confidence)


def _check_confidence(said: str) -> None:
    from agentd.conflicts.bundles.parsing import confidence_of

    if confidence_of(said) is None:
        fail(
            f"--confidence {said}: it is low, medium, high or a number from 0 to 1",
            code=ExitCode.USAGE,
        )


def _write(path: Path, bundle: dict[str, Any]) -> None:
    try:
        write_whole(path, orjson.dumps(bundle, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        fail(f"the bundle cannot be written to {path}: {error.strerror}")


def _made(options: BundleOptions, workplace: Workplace) -> MadeBundle:
    from agentd.conflicts.bundles.make_bundle import make_bundle, make_patch_bundle

    target = options.target or _main_branch(workplace)
    if options.patch_file is not None:
        patch = _read(options.patch_file)
        return make_patch_bundle(workplace, patch, options.base or target)
    return make_bundle(workplace, target=target, revision=options.branch, base=options.base)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            patch = file.read(_PATCH_BYTES_MAX + 1)
    except OSError as error:
        fail(f"the patch {path} cannot be read: {error.strerror}")
    if len(patch) > _PATCH_BYTES_MAX:
        fail(f"the patch {path} has more than {_PATCH_BYTES_MAX:,} bytes", hint="Split it.")
    return patch


def _main_branch(workplace: Workplace) -> str:
    """What is checked out in the main worktree: the branch that work is integrated into."""
    main = workplace.repository.worktrees()
    branch = main[0].branch if main else None
    return branch or "HEAD"


def _described(options: BundleOptions, workplace: Workplace, made: MadeBundle) -> dict[str, Any]:
    """The bundle with what its author says about it."""
    said: dict[str, Any] = {
        "owner": options.owner or _default_owner(options, workplace),
        "namespace": workplace.repository.namespace,
        "provider": options.provider,
        "intent": options.intent,
        "confidence": options.confidence,
        "assumptions": list(options.assumptions),
        "verification": list(options.verification),
        "alternative_of": options.alternative_of,
    }
    if options.summary:
        said["diff_summary"] = options.summary
    return {**made.bundle, **{name: value for name, value in said.items() if value}}


def _default_owner(options: BundleOptions, workplace: Workplace) -> str:
    if options.branch is not None:
        return options.branch
    if options.patch_file is not None:
        return options.patch_file.name
    here = workplace.repository.path
    for worktree in workplace.repository.worktrees():
        if worktree.path.resolve() == here and worktree.branch is not None:
            return worktree.branch.removeprefix("refs/heads/")
    return here.name


def _hand_in_as_event(options: BundleOptions, task_id: str, bundle: dict[str, Any]) -> None:
    seq = hand_in_result(
        bundle, task_id=task_id, node_id=options.node_id, lease_id=options.lease_id
    )
    say(f"handed in as event {seq}: {bundle['diff_summary']}")


def _hand_in_as_locks(options: BundleOptions, workplace: Workplace, bundle: dict[str, Any]) -> None:
    """Locks every touched file with the bundle as metadata; prints the leases, which end alone."""
    with connected_client() as client:
        _refuse_if_held_anywhere(client, bundle)
        granted = client.call(
            "AcquireResourceLocks",
            {
                "resource_keys": [f"file:{path}" for path in bundle["touched_paths"]],
                "owner": bundle["owner"],
                "provider": bundle["provider"],
                "namespace": workplace.repository.namespace,
                "ttl_secs": options.ttl_secs,
                "metadata": bundle,
                "if_held": "holder",
            },
        )
    if granted is None:
        fail("somebody who came first waits for one of the files", hint=_HAND_IN_OTHERWISE)
    if granted.get("granted") is False:
        _refuse(granted["holder"])
    for lock in granted["locks"]:
        sys.stdout.write(f"{printable(lock['resource_key'])} {lock['lease_id']}\n")
    count = len(granted["locks"])
    say(f"handed in with {count} lock{'' if count == 1 else 's'} for {options.ttl_secs} s")


def _refuse_if_held_anywhere(client: Client, bundle: dict[str, Any]) -> None:
    """Refuses where somebody who named no namespace holds one of the files.

    The daemon keeps namespaces apart; whoever left it out may well mean this repository.
    """
    for lock in all_locks(client, {"namespace": ""}):
        held = ResourceKey(lock["resource_key"])
        theirs = lock["owner"] != bundle["owner"] and lock["mode"] == "exclusive"
        if theirs and any(
            overlap(held, ResourceKey(f"file:{path}")) for path in bundle["touched_paths"]
        ):
            _refuse(lock)


def _refuse(holder: dict[str, Any]) -> NoReturn:
    fail(
        f"{holder['owner']} holds {holder['resource_key']}; nothing was locked",
        hint=_HAND_IN_OTHERWISE,
    )
