"""`agentd-coord locks|tasks|decisions|explain`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon
from agentd.conflicts.daemon_copy import for_daemon
from agentd.conflicts.record import canonical_bytes
from tests.cli.conftest import PRICING, SHIPPING, Command, branch_with


@pytest.mark.parametrize("command", ["locks", "tasks"])
def test_without_a_daemon_they_say_so(coord: Command, command: str) -> None:
    ended = coord(command)
    assert ended.code == 3
    assert "agentd.sock" in ended.err
    assert "hint: Start one with `agentd`" in ended.err


@pytest.mark.usefixtures("daemon")
def test_empty_lists_say_so(coord: Command) -> None:
    assert coord("locks").out == "No locks are held.\n"
    assert coord("tasks").out == "There are no tasks.\n"


def test_locks_and_tasks_are_listed(coord: Command, daemon: StartedDaemon) -> None:
    with daemon.client() as client:
        client.acquire_resource_lock(
            resource_key="file:a.py",
            owner="codex\x1b[31m",
            provider="openai",
            metadata={"intent": "mend [bold]it[/bold]"},
        )
        task = client.register_task(
            goal="two steps",
            initial_nodes=[{"key": "one"}, {"key": "two", "dependencies": ["one"]}],
        )
        client.acquire_next_node(task_id=task.task_id, lease_owner="codex")
    listed = coord("locks").out
    assert "file:a.py" in listed
    assert "codex\\x1b[31m" in listed
    assert "mend [bold]it[/bold]" in listed
    assert "NAMESPACE" not in listed
    assert coord("locks", "dir:").out == "No such lock is held.\n"
    with daemon.client() as client:
        client.acquire_resource_lock(resource_key="file:a.py", namespace="/srv/other")
    assert "/srv/other" in coord("locks").out
    assert "0/2" in coord("tasks", "--state", "active").out
    wrong = coord("tasks", "--state", "done")
    assert wrong.code == 2
    assert "'active', 'completed', 'failed'" in wrong.err
    assert "RUNNING" in coord("tasks", task.task_id).out
    assert coord("tasks", "f" * 36).code == 1
    nodes = coord("tasks", task.task_id[:8]).out
    assert "RUNNING" in nodes
    assert nodes.splitlines()[-1].split()[-1] == "one", "what node two waits for"
    assert coord("tasks", "zzz").code == 1


@pytest.mark.parametrize("program", ["agentd", "agentd-coord"])
def test_no_commands_summary_is_cut_off(environment: dict[str, str], program: str) -> None:
    module = "agentd.cli.coord" if program == "agentd-coord" else "agentd.cli.daemon"
    shown = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        env={**environment, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "..." not in shown.stdout.partition("Commands:")[2]


def test_where_there_is_no_repository_the_place_is_named(
    directory: Path, environment: dict[str, str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "agentd.cli.coord", "review", "--branch", "x"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: {directory} is in no git repository\n")


def test_explain_finds_by_path_owner_bundle_and_commit(
    coord: Command, shop: ShopRepository
) -> None:
    branch_with(shop, "readme", "README.md", "# The shop", "# Our shop")
    record = coord("review", "--branch", "readme", "--apply", "--json").json()
    bundle_id = record["bundles"][0]["bundle_id"]
    review_id = record["review_id"]
    for what in ("README.md", "./README.md", ".", "readme", bundle_id, bundle_id[:12], review_id):
        ended = coord("explain", what)
        assert ended.code == 0, ended.err
        assert "merge" in ended.out
    commit = record["integration"]["commit"]
    found = coord("explain", commit[:12], "--json").json()["explanations"]
    assert [one["decision"]["bundle_id"] for one in found] == [bundle_id]
    nothing = coord("explain", "shop/receipt.py")
    assert "names no review" in coord("decisions", "").err
    assert coord("explain", "").code == 2
    assert nothing.code == 1
    assert "hint:" in nothing.err


def test_explain_knows_each_commit_of_a_branch_and_each_of_a_landing(
    coord: Command, shop: ShopRepository
) -> None:
    branch_with(shop, "readme", "README.md", "# The shop", "# Our shop")
    branch_with(shop, "other", "README.md", "# The shop", "# Your shop")
    branch_with(
        shop, "price", PRICING, "def shipping(amount):", "def shipping(amount):  # of goods"
    )
    first = {name: shop.git("rev-parse", name).strip() for name in ("readme", "other")}
    for name in first:
        worktree = shop.path.parent / "worktrees" / name
        shop.git("commit", "--quiet", "--allow-empty", "--message", "Nothing more", at=worktree)
    named = [word for name in ("readme", "other", "price") for word in ("--branch", name)]
    review = coord("review", *named, "--json").json()
    owners = {each["bundle_id"]: each["owner"] for each in review["bundles"]}

    def decided(commit: str) -> set[tuple[str, str]]:
        found = coord("explain", commit, "--json").json()["explanations"]
        return {(owners[one["decision"]["bundle_id"]], one["because"]) for one in found}

    for name, commit in first.items():
        assert decided(commit) == {(name, "has this commit")}
    integrated = review["integration"]["commit"]
    merged = {owners[each] for each in review["integration"]["order"]}
    assert {one for one, how in decided(integrated[:10]) if "into this" in how} == merged
    assert len(merged) == 2
    assert coord("review", *named, "--apply", "--branch-name", "season").code == 10
    for bundle_id, made in zip(
        review["integration"]["order"][:-1],
        shop.git("rev-list", "--first-parent", "--reverse", "main..season").split()[:-1],
        strict=True,
    ):
        assert decided(made) == {(owners[bundle_id], "was merged by this commit")}


def test_explain_takes_a_path_from_where_the_user_is(coord: Command, shop: ShopRepository) -> None:
    branch_with(shop, "price", "shop/pricing.py", "SHIPPING", "DELIVERY")
    assert coord("review", "--branch", "price").code in (0, 10)
    inside = shop.path / "shop"
    for what in ("pricing.py", "./pricing.py", "shop/pricing.py", str(inside / "pricing.py"), "."):
        ended = coord("explain", what, at=inside)
        assert ended.code == 0, ended.err
        assert "touches shop" in ended.out
    assert coord("explain", "../README.md", at=inside).code == 1


def test_decisions_are_listed_and_shown(coord: Command, shop: ShopRepository) -> None:
    branch_with(shop, "readme", "README.md", "# The shop", "# Our shop")
    record = coord("review", "--branch", "readme", "--json").json()
    short = record["review_id"][:8]
    listed = coord("decisions", COLUMNS="80")
    assert short in listed.out
    assert record["created_at"][:16].replace("T", " ") in listed.out
    assert "no daemon answers" in listed.err
    assert short in coord("decisions", "--repo", ".").out
    shown = coord("decisions", short)
    assert "merge" in shown.out
    assert "readme" in shown.out
    assert coord("decisions", short, "--json").json()["review_id"] == record["review_id"]
    assert coord("decisions", "nope").code == 1


def test_a_shortened_record_is_shown_whole_while_the_referee_has_it(
    coord: Command, shop: ShopRepository, directory: Path
) -> None:
    for name, value in (("one", "7"), ("two", "9")):
        branch_with(shop, name, PRICING, SHIPPING, f"    return {value}\n")
    reviewed = coord("review", "--branch", "one", "--branch", "two", "--json").json()
    file = directory / "home" / "reviews" / f"{reviewed['review_id']}.json"
    file.write_bytes(canonical_bytes(for_daemon(reviewed, 1)))
    shown = coord("decisions", reviewed["review_id"], "--hunks")
    assert "return 7" in shown.out
    assert "shortened" not in shown.out
    shutil.rmtree(directory / "home" / "quarantine")
    shown = coord("decisions", reviewed["review_id"], "--hunks")
    assert "return 7" not in shown.out
    assert "This copy was shortened" in shown.out
