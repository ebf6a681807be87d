"""`agentd-coord rebase` as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon
from tests.cli.conftest import PRICING, SHIPPING, Command, branch_with


@pytest.fixture
def stale(shop: ShopRepository) -> None:
    """A branch `codex` behind the target, which changed another file since."""
    branch_with(shop, "codex", PRICING, SHIPPING, "    return 0\n")
    shop.replace(shop.path, "README.md", "# The shop", "# Our shop")
    shop.commit(shop.path, "A better heading")


@pytest.mark.usefixtures("stale")
def test_a_branch_becomes_a_file_that_merges(coord: Command, directory: Path) -> None:
    assert coord("review", "--branch", "codex", "--json").json()["decisions"][0]["action"] == (
        "rebase"
    )
    out = directory / "rebased.json"
    ended = coord("rebase", "codex", "--out", str(out))
    assert ended.code == 0, ended.err
    assert not ended.out
    assert "nothing is verified" in ended.err
    review = coord("review", "--bundle", str(out), "--json").json()
    assert {each["reasons"][0]["reason"] for each in review["decisions"]} <= {
        "verified",
        "verification_failed",
    }
    assert review["bundles"][0]["base"]["freshness"] == "in_step"


@pytest.mark.usefixtures("stale")
def test_a_bundle_of_a_kept_review_is_found_by_its_id(coord: Command) -> None:
    reviewed = coord("review", "--branch", "codex", "--json").json()
    bundle_id = reviewed["bundles"][0]["bundle_id"]
    made = coord("rebase", bundle_id[:10])
    assert made.code == 0, made.err
    assert made.json()["supersedes"] == [bundle_id]


@pytest.mark.usefixtures("stale")
def test_a_branch_is_rebased_with_what_it_got_since_a_review(
    coord: Command, shop: ShopRepository
) -> None:
    coord("review", "--branch", "codex", "--json")
    worktree = shop.path.parent / "worktrees" / "codex"
    shop.write(worktree, "later.txt", "later\n")
    shop.git("add", "later.txt", at=worktree)
    shop.commit(worktree, "Later")
    made = coord("rebase", "codex")
    assert made.code == 0, made.err
    assert "later.txt" in made.json()["touched_paths"]


def test_a_bundle_in_step_is_not_written_and_says_so(
    coord: Command, shop: ShopRepository, directory: Path
) -> None:
    branch_with(shop, "codex", PRICING, SHIPPING, "    return 0\n")
    out = directory / "rebased.json"
    ended = coord("rebase", "codex", "--out", str(out))
    assert ended.code == 0, ended.err
    assert "nothing was written" in ended.err
    assert not out.exists()


def test_a_conflict_is_explained(coord: Command, shop: ShopRepository) -> None:
    branch_with(shop, "codex", PRICING, SHIPPING, "    return 0\n")
    shop.replace(shop.path, PRICING, SHIPPING, "    return 1\n")
    shop.commit(shop.path, "Another price")
    ended = coord("rebase", "codex")
    assert ended.code == 10, ended.err
    assert PRICING in ended.err
    assert "Another price" in ended.err
    assert not ended.out


def test_an_unknown_name_says_what_to_name(coord: Command) -> None:
    ended = coord("rebase", "nobody")
    assert ended.code == 1
    assert "hint:" in ended.err


def test_a_file_that_is_no_bundle_is_a_failure_and_no_conflict(
    coord: Command, directory: Path
) -> None:
    (directory / "junk.json").write_text("{")
    ended = coord("rebase", str(directory / "junk.json"))
    assert ended.code == 1
    assert "cannot be rebased:" in ended.err
    assert "JSON" in ended.err


@pytest.mark.usefixtures("stale")
def test_a_lock_takes_no_half_a_pair(coord: Command) -> None:
    ended = coord("rebase", "codex", "--lock", "file:a.py")
    assert ended.code == 2
    assert "KEY=LEASE" in ended.err


@pytest.mark.usefixtures("daemon")
def test_it_is_handed_in_to_the_lock_it_came_from(coord: Command, shop: ShopRepository) -> None:
    branch_with(shop, "codex", PRICING, SHIPPING, "    return 0\n")
    locked = coord("bundle", "--branch", "codex", "--target", "main", "--lock")
    assert locked.code == 0, locked.err
    key, lease = locked.out.split()
    shop.replace(shop.path, "README.md", "# The shop", "# Our shop")
    shop.commit(shop.path, "A better heading")
    ended = coord("rebase", "codex", "--lock", f"{key}={lease}")
    assert ended.code == 0, ended.err
    (lock,) = coord("locks", "--json").json()["locks"]
    assert lock["metadata"]["base_revision"] == f"git:{shop.head()}"
    (bundle,) = coord("review", "--json").json()["bundles"]
    assert bundle["base"]["freshness"] == "in_step"


def test_it_is_handed_in_to_the_node_it_came_from(
    coord: Command, shop: ShopRepository, daemon: StartedDaemon, directory: Path
) -> None:
    branch_with(shop, "codex", PRICING, SHIPPING, "    return 0\n")
    out = directory / "codex.json"
    assert coord("bundle", "--branch", "codex", "--target", "main", "--out", str(out)).code == 0
    with daemon.client() as client:
        task = client.call("RegisterTask", {"goal": "a price", "initial_nodes": [{}]})
        client.call(
            "CommitEvent",
            {
                "task_id": task["task_id"],
                "action_type": "result",
                "payload": json.loads(out.read_text()),
            },
        )
    shop.replace(shop.path, "README.md", "# The shop", "# Our shop")
    shop.commit(shop.path, "A better heading")
    ended = coord("rebase", "codex", "--hand-in")
    assert ended.code == 0, ended.err
    assert "handed in as event" in ended.err
    (bundle,) = coord("review", "--json").json()["bundles"]
    assert bundle["base"]["freshness"] == "in_step"
    assert bundle["source"]["task_id"] == task["task_id"]
