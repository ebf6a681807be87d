"""Puts commits of a clone through the whole engine, in process: from intake to the ledger.

The two sides of a merge become bundles in one of two shapes. A pair: both start from the merge
base, which is the target. Onto: the left side is the target, and the right one comes to it from an
older base.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from agentd.conflicts.bundles.bundle import Bundle
from agentd.conflicts.bundles.collect import from_branch
from agentd.conflicts.review import ReviewRequest, review
from agentd.errors import AgentdError
from benchmarks.replay.git_history import Merge
from benchmarks.replay.verdicts import EngineAnswer, read_record

POLICY: Final = """
[freshness]
allow_stale_clean = true
[paths]
granted = ["**"]
allow_symlinks = true
allow_submodules = true
[limits]
bundle_bytes_max = 1000000000
files_max = 1000000
hunks_max = 100000000
file_hunks_max = 100000000
text_bytes_max = 1000000000
git_timeout_secs = 600
"""
"""Nothing is asked for but that it merges; without it, the default policy also speaks."""


class Shape(StrEnum):
    """How a merge becomes a review."""

    PAIR = "pair"
    ONTO = "onto"


class EngineFailed(Exception):
    """The engine gave no answer."""


def review_merge(
    git_dir: Path, home: Path, merge: Merge, base: str, shape: Shape, *, policy: str | None = POLICY
) -> EngineAnswer:
    """What the engine says. Raises `EngineFailed`."""
    if shape is Shape.PAIR:
        bundles = (from_branch(merge.left, base=base), from_branch(merge.right, base=base))
        return read_record(_review(git_dir, home, base, bundles, policy))
    return read_record(_review(git_dir, home, merge.left, (from_branch(merge.right),), policy))


def review_record(git_dir: Path, home: Path, target: str, heads: Sequence[str]) -> dict[str, Any]:
    """The record of a review of many heads. Raises `EngineFailed`."""
    return _review(git_dir, home, target, tuple(from_branch(head) for head in heads), POLICY)


def _review(
    git_dir: Path, home: Path, target: str, bundles: tuple[Bundle, ...], policy: str | None
) -> dict[str, Any]:
    request = ReviewRequest(
        repository=git_dir,
        home=home,
        target=target,
        bundles=bundles,
        policy_text=policy,
        keep=False,
    )
    try:
        return review(request).record
    except AgentdError as failure:
        raise EngineFailed(str(failure)) from failure
