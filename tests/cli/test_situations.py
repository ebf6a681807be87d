"""The coordinator's table, row by row: a real repository, a real daemon, the command as typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon
from agentd.client.sync_client import Client
from agentd.protocol.decisions import ReviewRecord
from tests.cli.conftest import PRICING, SHIPPING, Command

FREE = "    return 0\n"
"""Breaks the shop's tests."""
ROUNDED = "    return round(SHIPPING)\n"
SPELLED = "    return int(SHIPPING)\n"
"""Two ways to change one line that the tests let pass."""
GENERATED = """\
[verification]
required = false
[[generated]]
paths = ["api.json"]
regenerate = "make api"
"""


@pytest.fixture
def client(daemon: StartedDaemon) -> Iterator[Client]:
    """A connection of the test's own."""
    with daemon.client() as connected:
        yield connected


class Bench:
    """Agents at work on the shop: worktrees, patches, and how they reach the daemon."""

    def __init__(self, shop: ShopRepository, client: Client) -> None:
        self._shop = shop
        self._client = client

    def bundle(
        self, owner: str, files: Mapping[str, tuple[str, str]], **said: Any
    ) -> dict[str, Any]:
        """A bundle that replaces a text in each file (or makes it, where the old text is empty)."""
        worktree = self._shop.path.parent / "worktrees" / owner
        base = self._shop.head()
        self._shop.add_worktree(worktree)
        for path, (old, new) in files.items():
            if old:
                self._shop.replace(worktree, path, old, new)
            else:
                self._shop.write(worktree, path, new)
        return {
            "base_revision": f"git:{base}",
            "touched_paths": sorted(files),
            "intent": f"what {owner} wants",
            "patch": self._shop.patch(worktree),
            **said,
        }

    def lock(self, owner: str, path: str, bundle: dict[str, Any]) -> str:
        """The owner locks a file, with the bundle as metadata; returns the lease."""
        granted = self._client.call(
            "AcquireResourceLock",
            {"resource_key": f"file:{path}", "owner": owner, "metadata": bundle},
        )
        assert granted is not None
        return str(granted["lease_id"])

    def commit(self, owner: str, bundle: dict[str, Any]) -> str:
        """The owner reports the bundle as the result of a node; returns the task."""
        task = self._client.call(
            "RegisterTask", {"goal": "a change", "initial_nodes": [{"key": owner}]}
        )
        node = self._client.call(
            "AcquireNextNode", {"task_id": task["task_id"], "lease_owner": owner}
        )
        self._client.call(
            "CommitEvent",
            {
                **{key: node[key] for key in ("task_id", "node_id", "lease_id")},
                "action_type": "result",
                "payload": bundle,
            },
        )
        return str(task["task_id"])

    def events(self, task_id: str) -> list[str]:
        """The kinds of the events of a task."""
        listed = self._client.call("ListEvents", {"task_id": task_id})["events"]
        return [event["action_type"] for event in listed]


@pytest.fixture
def bench(shop: ShopRepository, client: Client) -> Bench:
    return Bench(shop, client)


def decided(record: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Owner to action and first reason."""
    ReviewRecord.model_validate(record)
    owners = {bundle["bundle_id"]: bundle["owner"] for bundle in record["bundles"]}
    return {
        owners[decision["bundle_id"]]: (decision["action"], decision["reasons"][0])
        for decision in record["decisions"]
    }


def test_same_file_incompatible_the_second_waits_for_the_first_lock(
    coord: Command, bench: Bench
) -> None:
    bench.lock("codex", PRICING, bench.bundle("codex", {PRICING: (SHIPPING, ROUNDED)}))
    task = bench.commit("agy", bench.bundle("agy", {PRICING: (SHIPPING, SPELLED)}))
    ended = coord("review", "--json")
    assert ended.code == 10, ended.err
    decisions = decided(ended.json())
    assert decisions["codex"][0] == "merge"
    action, reason = decisions["agy"]
    assert action == "wait"
    assert "codex holds file:shop/pricing.py until 20" in reason["message"]
    assert reason["evidence"]["hunks"][0]["path"] == PRICING
    assert bench.events(task)[-2:] == ["decision", "conflict"]


def test_same_file_compatible_both_merge(
    coord: Command, bench: Bench, shop: ShopRepository
) -> None:
    bench.lock("codex", PRICING, bench.bundle("codex", {PRICING: (SHIPPING, ROUNDED)}))
    bench.commit(
        "agy",
        bench.bundle("agy", {PRICING: ("All amounts are in cents.", "Amounts are in cents.")}),
    )
    ended = coord("review", "--apply", "--json")
    assert ended.code == 0, ended.err
    assert {action for action, _ in decided(ended.json()).values()} == {"merge"}
    merged = shop.git("show", f"{ended.json()['integration']['ref']}:{PRICING}")
    assert ROUNDED in merged
    assert "Amounts are in cents." in merged


def test_stale_base_is_rebased_with_the_commits_in_between(
    coord: Command, bench: Bench, shop: ShopRepository
) -> None:
    bench.commit("late", bench.bundle("late", {"README.md": ("# The shop", "# Our shop")}))
    shop.replace(shop.path, "README.md", "14 days", "30 days")
    moved = shop.commit(shop.path, "Give customers 30 days")
    action, reason = decided(coord("review", "--json").json())["late"]
    assert action == "rebase"
    assert moved in str(reason["evidence"])
    clean = coord("review", "--allow-stale-clean", "--json")
    assert decided(clean.json())["late"][0] == "merge"
    assert clean.json()["verification"][0]["status"] == "passed"


def test_failed_verification_is_rejected_with_its_output(coord: Command, bench: Bench) -> None:
    bench.commit("codex", bench.bundle("codex", {PRICING: (SHIPPING, FREE)}))
    action, reason = decided(coord("review", "--json").json())["codex"]
    assert (action, reason["reason"]) == ("reject", "verification_failed")
    assert "2490" in reason["evidence"]["output_tail"]


def test_its_own_claim_of_failure_is_rejected(coord: Command, bench: Bench) -> None:
    claim = [{"command": "make check", "status": "failed", "output": "3 errors"}]
    bench.commit(
        "codex",
        bench.bundle("codex", {"README.md": ("# The", "# Our")}, verification=claim),
    )
    action, reason = decided(coord("review", "--json").json())["codex"]
    assert action == "reject"
    assert "make check" in reason["message"]


def test_without_a_policy_it_merges_and_is_called_unverified(
    coord: Command, bench: Bench, shop: ShopRepository
) -> None:
    shop.git("rm", "--quiet", "-r", ".agentd")
    shop.commit(shop.path, "No policy")
    bench.commit("codex", bench.bundle("codex", {"README.md": ("# The", "# Our")}))
    action, reason = decided(coord("review", "--json").json())["codex"]
    assert (action, reason["reason"]) == ("merge", "unverified")


def test_of_a_generated_file_one_owner_merges(
    coord: Command, bench: Bench, directory: Path
) -> None:
    policy = directory / "policy.toml"
    policy.write_text(GENERATED)
    bench.lock("codex", "api.json", bench.bundle("codex", {"api.json": ("", "[1]\n")}))
    bench.commit("agy", bench.bundle("agy", {"api.json": ("", "[2]\n")}))
    decisions = decided(coord("review", "--policy", str(policy), "--json").json())
    assert decisions["codex"][0] == "merge"
    action, reason = decisions["agy"]
    assert action == "reject"
    assert "make api" in reason["message"]
