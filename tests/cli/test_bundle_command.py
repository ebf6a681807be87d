"""`agentd-coord bundle`: what it makes, and the ways to hand it in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon
from tests.cli.conftest import PRICING, SHIPPING, Command, branch_with


@pytest.fixture
def worktree(shop: ShopRepository, directory: Path) -> Path:
    """A worktree with a commit, an uncommitted change and a new file."""
    branch_with(shop, "codex/free", PRICING, SHIPPING, "    return 0\n")
    path = directory / "worktrees" / "codex-free"
    shop.replace(path, "README.md", "# The shop", "# Our shop")
    shop.write(path, "shop/vat.py", "RATE = 19\n")
    return path


def test_a_worktrees_commits_changes_and_new_files_are_in_it(
    coord: Command, shop: ShopRepository, worktree: Path
) -> None:
    ended = coord("bundle", "--provider", "openai", "--intent", "free shipping", at=worktree)
    assert ended.code == 0, ended.err
    bundle = ended.json()
    assert bundle["touched_paths"] == ["README.md", PRICING, "shop/vat.py"]
    assert bundle["owner"] == "codex/free"
    assert bundle["base_revision"] == f"git:{shop.head()}"
    assert "+RATE = 19" in bundle["patch"]
    assert shop.git("status", "--porcelain", at=worktree).split() == [
        "M",
        "README.md",
        "??",
        "shop/vat.py",
    ]


def test_a_bundle_file_is_reviewed(coord: Command, worktree: Path, directory: Path) -> None:
    out = directory / "codex.json"
    made = coord("bundle", "--out", str(out), at=worktree)
    assert made.code == 0, made.err
    assert not made.out
    assert json.loads(out.read_text())["patch"]
    ended = coord("review", "--bundle", str(out), "--json")
    assert [run["status"] for run in ended.json()["verification"]]
    assert ended.json()["bundles"][0]["paths"] == ["README.md", PRICING, "shop/vat.py"]


@pytest.mark.usefixtures("daemon")
def test_locks_carry_it_to_the_review(coord: Command, worktree: Path) -> None:
    locked = coord("bundle", "--lock", "--owner", "codex-a", "--provider", "openai", at=worktree)
    assert locked.code == 0, locked.err
    assert len(locked.out.splitlines()) == 3
    listed = coord("locks", "--json").json()["locks"]
    assert {lock["owner"] for lock in listed} == {"codex-a"}
    assert locked.out.split()[1] not in json.dumps(listed), "a lease id was listed"
    ended = coord("review", "--json")
    assert [bundle["owner"] for bundle in ended.json()["bundles"]] == ["codex-a"]


@pytest.mark.usefixtures("daemon")
def test_a_held_file_is_said_and_nothing_is_locked(coord: Command, worktree: Path) -> None:
    coord("bundle", "--lock", "--owner", "first", at=worktree)
    second = coord("bundle", "--lock", "--owner", "second", at=worktree)
    assert second.code == 1
    assert "first holds file:" in second.err
    assert len(coord("locks", "--json").json()["locks"]) == 3


def test_a_lock_without_a_namespace_counts_for_this_repository_too(
    coord: Command, daemon: StartedDaemon, worktree: Path
) -> None:
    with daemon.client() as client:
        client.acquire_resource_lock(resource_key="dir:shop", owner="plain")
    locked = coord("bundle", "--lock", "--owner", "codex-a", at=worktree)
    assert locked.code == 1
    assert "plain holds dir:shop" in locked.err


def test_an_event_carries_it_to_the_review(
    coord: Command, daemon: StartedDaemon, worktree: Path
) -> None:
    with daemon.client() as client:
        task = client.register_task(goal="vat", initial_nodes=[{"key": "vat"}])
        node = client.acquire_next_node(task_id=task.task_id, lease_owner="codex-a")
        assert node is not None
        handed_in = coord(
            "bundle",
            "--task",
            node.task_id,
            "--node",
            node.node_id,
            "--lease",
            node.lease_id,
            at=worktree,
        )
    assert handed_in.code == 0, handed_in.err
    bundle = coord("review", "--json").json()["bundles"][0]
    assert bundle["source"]["task_id"] == task.task_id


def test_nothing_changed_is_nothing_to_hand_in(coord: Command) -> None:
    ended = coord("bundle")
    assert ended.code == 1
    assert "nothing to hand in" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [("--lease", "x"), ("--confidence", "very"), ("--out", "none/bundle.json")],
)
def test_a_wrong_command_line_is_usage(coord: Command, arguments: tuple[str, str]) -> None:
    ended = coord("bundle", *arguments)
    assert ended.code == 2
    assert arguments[0] in ended.err


def test_codexs_own_form_of_a_patch_becomes_a_diff(
    coord: Command, shop: ShopRepository, directory: Path
) -> None:
    patch, out = directory / "free.patch", directory / "free.json"
    patch.write_text(
        "*** Begin Patch\n*** Update File: README.md\n-# The shop\n+# Our shop\n*** End Patch\n"
    )
    made = coord("bundle", "--patch", str(patch), "--out", str(out))
    assert made.code == 0, made.err
    bundle = json.loads(out.read_text())
    assert bundle["owner"] == "free.patch"
    assert bundle["base_revision"] == f"git:{shop.head()}"
    assert bundle["patch"].startswith("diff --git a/README.md b/README.md\n")
    direct = coord("review", "--patch", str(patch), "--json", "--no-record").json()
    by_bundle = coord("review", "--bundle", str(out), "--json", "--no-record").json()
    assert direct["integration"]["tree"] == by_bundle["integration"]["tree"]


def test_a_patch_that_does_not_fit_is_said(coord: Command, directory: Path) -> None:
    patch = directory / "bad.patch"
    patch.write_text("*** Begin Patch\n*** Delete File: nothing\n*** End Patch\n")
    ended = coord("bundle", "--patch", str(patch))
    assert ended.code == 1
    assert "error: It changes nothing, which its base" in ended.err
    assert "--base" in ended.err
    missing = coord("bundle", "--patch", str(directory / "missing"))
    assert "cannot be read: No such file" in missing.err
    assert coord("bundle", "--patch", str(patch), "--branch", "main").code == 2
