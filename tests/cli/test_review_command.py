"""`agentd-coord review` as a user and a script see it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon
from agentd.protocol.decisions import ReviewRecord
from tests.cli.conftest import PRICING, SHIPPING, Command, branch_with

NO_TESTS = "[verification]\nrequired = false\n"


@pytest.fixture
def no_tests(directory: Path) -> str:
    """A policy file without commands, where the tests' result does not matter."""
    path = directory / "policy.toml"
    path.write_text(NO_TESTS)
    return str(path)


@pytest.fixture
def two_that_conflict(shop: ShopRepository) -> None:
    """Branches `codex` and `agy` that change the same line."""
    branch_with(shop, "codex", PRICING, SHIPPING, "    return 0\n")
    branch_with(shop, "agy", PRICING, SHIPPING, "    return SHIPPING * 2\n")


@pytest.fixture
def two_that_agree(shop: ShopRepository) -> None:
    """Branches `readme` and `docs` in different files."""
    branch_with(shop, "readme", "README.md", "# The shop", "# Our shop")
    branch_with(shop, "docs", "shop/receipt.py", "One line for each item", "A line an item")


def actions(record: dict[str, object]) -> dict[str, str]:
    """Owner to action."""
    bundles = record["bundles"]
    decisions = record["decisions"]
    assert isinstance(bundles, list)
    assert isinstance(decisions, list)
    owners = {bundle["bundle_id"]: bundle["owner"] for bundle in bundles}
    return {owners[decision["bundle_id"]]: decision["action"] for decision in decisions}


@pytest.mark.usefixtures("two_that_agree")
def test_all_that_agree_merge_without_a_daemon(coord: Command) -> None:
    ended = coord("review", "--branch", "readme", "--branch", "docs", "--json")
    assert ended.code == 0, ended.err
    record = ended.json()
    assert actions(record) == {"readme": "merge", "docs": "merge"}
    assert [run["status"] for run in record["verification"]] == ["passed"]
    ReviewRecord.model_validate(record)


@pytest.mark.usefixtures("two_that_conflict")
def test_of_two_that_conflict_one_merges(coord: Command, no_tests: str) -> None:
    ended = coord("review", "--branch", "codex", "--branch", "agy", "--policy", no_tests, "--json")
    assert ended.code == 10
    assert sorted(actions(ended.json()).values()) == ["merge", "rebase"]


@pytest.mark.usefixtures("two_that_conflict")
def test_hunks_show_both_sides(coord: Command, no_tests: str) -> None:
    ended = coord("review", "--branch", "codex", "--branch", "agy", "--policy", no_tests, "--hunks")
    lines = [line for line in ended.out.splitlines() if "return SHIPPING * 2" in line]
    assert any("return 0" in line for line in lines), ended.out


@pytest.mark.usefixtures("two_that_conflict")
@pytest.mark.parametrize("in_a_file", [False, True], ids=["kept", "in a file"])
def test_the_command_that_shows_both_sides_does_so(
    coord: Command, no_tests: str, directory: Path, in_a_file: bool
) -> None:
    options = ["--record", str(directory / "a record.json")] if in_a_file else []
    ended = coord(
        "review", *("--branch", "codex", "--branch", "agy"), "--policy", no_tests, *options
    )
    (said,) = re.findall(
        "^Both sides of the conflicts: agentd-coord (.*)$", ended.out, re.MULTILINE
    )
    shown = coord(*shlex.split(said))
    assert shown.code == 0, shown.err
    assert "return SHIPPING * 2" in shown.out


@pytest.mark.usefixtures("two_that_agree")
def test_nothing_is_written_before_apply(coord: Command, shop: ShopRepository) -> None:
    def everything() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in shop.path.rglob("*") if path.is_file()}

    before = everything()
    assert coord("review", "--branch", "readme", "--branch", "docs").code == 0
    assert everything() == before


@pytest.mark.usefixtures("two_that_agree")
def test_apply_makes_a_branch_and_moves_nothing_else(coord: Command, shop: ShopRepository) -> None:
    main = shop.head()
    shop.write(shop.path, "notes.txt", "not committed\n")
    ended = coord("review", "--branch", "readme", "--branch", "docs", "--apply", "--json")
    assert ended.code == 0, ended.err
    integration = ended.json()["integration"]
    assert integration["ref"] == f"refs/heads/agentd/review-{ended.json()['review_id'][:8]}"
    assert shop.git("rev-parse", integration["ref"]).strip() == integration["commit"]
    assert shop.head() == main
    assert shop.git("status", "--porcelain") == "?? notes.txt\n"
    assert "Our shop" in shop.git("show", f"{integration['commit']}:README.md")


@pytest.mark.usefixtures("two_that_agree")
def test_the_name_of_the_branch_can_be_chosen(coord: Command, shop: ShopRepository) -> None:
    arguments = ("review", "--branch", "readme", "--apply", "--branch-name", "season")
    assert coord(*arguments).code == 0
    assert "Our shop" in shop.git("show", "season:README.md")
    again = coord(*arguments)
    assert again.code == 1
    assert "season" in again.err
    assert "hint:" in again.err


@pytest.mark.usefixtures("two_that_conflict")
def test_a_replay_gives_the_same_decisions(
    coord: Command, shop: ShopRepository, no_tests: str, directory: Path
) -> None:
    kept = directory / "record.json"
    first = coord(
        "review",
        "--branch",
        "codex",
        "--branch",
        "agy",
        "--policy",
        no_tests,
        "--record",
        str(kept),
        "--json",
    ).json()
    shop.git("worktree", "remove", "--force", str(directory / "worktrees" / "agy"))
    shop.git("branch", "-D", "agy")
    for name in (first["review_id"][:8], str(kept)):
        replayed = coord("review", "--replay", name, "--json")
        assert replayed.code == 0, replayed.err
        assert replayed.json()["decisions"] == first["decisions"]
        assert "byte for byte" in replayed.err


@pytest.mark.usefixtures("two_that_agree")
def test_no_record_keeps_nothing(coord: Command, directory: Path) -> None:
    assert coord("review", "--branch", "readme", "--no-record").code == 0
    assert not list((directory / "home" / "reviews").glob("*"))
    assert coord("decisions").out.startswith("No reviews are kept yet")


def test_without_a_daemon_and_without_bundles_there_is_nothing_to_review(coord: Command) -> None:
    ended = coord("review")
    assert ended.code == 3
    assert "no daemon answers" in ended.err
    assert "--branch" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--frob",),
        ("--branch", "readme", "--onto-target"),
        ("--branch", "readme", "--branch-name", "x"),
        ("--branch", "readme", "--record", "r.json", "--no-record"),
    ],
)
def test_a_wrong_command_line_is_usage(coord: Command, arguments: tuple[str, ...]) -> None:
    ended = coord("review", *arguments)
    assert ended.code == 2
    assert not ended.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--repo", "/nowhere/at/all", "--branch", "x"), "/nowhere/at/all"),
        (("--target", "nope", "--branch", "main"), "nope"),
        (
            ("--policy", "missing.toml", "--branch", "main"),
            "missing.toml cannot be read: No such file or directory\n",
        ),
        (("--replay", "ffffffff"), "ffffffff"),
    ],
)
def test_what_cannot_be_reviewed_is_a_failure_with_a_hint(
    coord: Command, arguments: tuple[str, ...], says: str
) -> None:
    ended = coord("review", *arguments)
    assert ended.code == 1
    assert says in ended.err
    assert "hint:" in ended.err
    assert "Traceback" not in ended.err


def test_what_cannot_be_read_is_said_once(coord: Command, directory: Path) -> None:
    said = coord("review", "--no-record", "--patch", "gone.diff").out
    assert "gone.diff cannot be read" in said
    assert "note:" not in said
    plan = directory / "plan.json"
    plan.write_text(json.dumps({"owner": "codex", "touched_paths": ["README.md"]}))
    said = coord("review", "--no-record", "--bundle", str(plan)).out
    assert "handed in no change yet" in said
    assert "note:" not in said


def test_a_bad_bundle_does_not_keep_others_from_being_judged(
    coord: Command, shop: ShopRepository, directory: Path
) -> None:
    branch_with(shop, "readme", "README.md", "# The shop", "# Our shop")
    bad = directory / "bad.json"
    bad.write_text("{not json")
    gone = directory / "gone.diff"
    ended = coord(
        "review", "--branch", "readme", "--bundle", str(bad), "--patch", str(gone), "--json"
    )
    assert ended.code == 10, ended.err
    decided = actions(ended.json())
    assert decided.pop("readme") == "merge"
    assert set(decided.values()) == {"reject"}


def test_what_agents_write_cannot_steer_the_terminal(
    coord: Command, shop: ShopRepository, directory: Path
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2Jcodex\u202e"
    bundle = {
        "owner": evil,
        "provider": "[red]openai[/red]",
        "base_revision": f"git:{shop.head()}",
        "intent": evil,
        "patch": "no patch at all \x1b[31m",
    }
    path = directory / "evil.json"
    path.write_text(json.dumps(bundle))
    ended = coord("review", "--bundle", str(path), FORCE_COLOR="1")
    assert ended.code == 10
    assert "\x1b]0" not in ended.out
    assert "\x1b[2J" not in ended.out
    assert "\u202e" not in ended.out
    assert "\\x1b[2Jcodex\\u202e" in ended.out


@pytest.mark.usefixtures("daemon", "two_that_agree")
def test_the_daemon_keeps_the_record(coord: Command, daemon: StartedDaemon) -> None:
    record = coord("review", "--branch", "readme", "--json").json()
    with daemon.client() as client:
        kept = client.call("ListDecisions")["reviews"]
        events = client.call("ListEvents", {"action_types": ["decision"]})["events"]
    assert [each["review_id"] for each in kept] == [record["review_id"]]
    assert kept[0]["decisions"] == record["decisions"]
    assert len(events) == 1


@pytest.mark.usefixtures("two_that_conflict")
def test_a_report_is_written_beside_any_output(
    coord: Command, no_tests: str, directory: Path
) -> None:
    named = ("review", "--branch", "codex", "--branch", "agy", "--policy", no_tests)
    report = directory / "a report.html"
    ended = coord(*named, "--html", str(report), "--json")
    assert ended.code == 10
    review_id = ended.json()["review_id"]  # Nothing but the record is on standard output.
    assert str(report) in ended.err
    page = report.read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert review_id in page
    assert "SHIPPING" in page
    report.write_text("of yesterday")
    kept = coord("decisions", review_id[:8], "--html", str(report))
    assert kept.code == 0, kept.err
    assert f"Report: {report}" in kept.out
    assert report.read_text() == page
    replayed = directory / "replayed.html"
    assert coord("review", "--replay", review_id, "--html", str(replayed)).code == 0
    assert replayed.read_text() == page
    assert [each.name for each in directory.iterdir() if each.name.endswith(".tmp")] == []


def test_a_report_that_has_no_place_is_refused_first(coord: Command, directory: Path) -> None:
    nowhere = str(directory / "none" / "review.html")
    for arguments in (("review", "--branch", "main"), ("decisions", "3f2a91c0")):
        ended = coord(*arguments, "--html", nowhere)
        assert ended.code == 2, ended.err
        assert "no directory" in ended.err
    ended = coord("review", "--branch", "main", "--record", str(directory / "none" / "r.json"))
    assert (ended.code, (directory / "none").exists()) == (2, False)
    ended = coord("decisions", "--html", str(directory / "review.html"))
    assert ended.code == 2
    assert "id of a review" in ended.err
