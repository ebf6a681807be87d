"""`agentd-coord propose` as a user sees it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon
from tests.cli.conftest import PRICING, Command, branch_with
from tests.fakes.model_server import Reply, refusal, replacements, serving
from tests.fakes.patience import PATIENCE_SECS

TESTS = "tests/test_shop.py"
LAST_TEST = '        self.assertTrue(receipt([(1000, 2)]).endswith("total 2490"))\n'
EMPTY = "\n    def test_nothing_costs_nothing(self):\n        self.assertEqual(subtotal([]), 0)\n"
WRONG = "\n    def test_wrong(self):\n        self.assertEqual(subtotal([]), 1)\n"
ONE = "\n    def test_one(self):\n        self.assertEqual(subtotal([(7, 1)]), 7)\n"
DEAR = "\n    def test_dear_things(self):\n        self.assertGreater(total([(9, 9)]), 81)\n"
TOTAL = "    return amount + shipping(amount)\n"
LOGGED = '    print("sold")\n    return amount + shipping(amount)\n'
COUNTED = "    amount += 0\n    return amount + shipping(amount)\n"
BOTH = '    print("sold")\n    amount += 0\n'
KEY = "sk-0123456789abcdef"
DRIVER = """
[proposals]
makers = ["union", "entity"]

[[proposals.drivers]]
name = "union"
command = ["shop-merge", "%A", "%O", "%B"]
timeout_secs = 20
"""


@pytest.fixture
def two_tests(shop: ShopRepository) -> None:
    """Two branches that add a test each, at one place."""
    branch_with(shop, "codex", TESTS, LAST_TEST, LAST_TEST + EMPTY)
    branch_with(shop, "agy", TESTS, LAST_TEST, LAST_TEST + ONE)


@pytest.fixture
def two_prices(shop: ShopRepository) -> None:
    """Two branches that add a line each to one function, which `entity` leaves alone."""
    branch_with(shop, "codex", PRICING, TOTAL, LOGGED)
    branch_with(shop, "agy", PRICING, TOTAL, COUNTED)


def with_policy(shop: ShopRepository, more: str) -> None:
    """Adds to the policy of the target."""
    path = shop.path / ".agentd/review.toml"
    path.write_text(path.read_text() + more)
    shop.commit(shop.path, "Name makers")


def install(directory: Path, name: str, script: str) -> dict[str, str]:
    """A program of the user's own, and the PATH that has it."""
    program = directory / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}"}


NAMED = ("--branch", "codex", "--branch", "agy")
DOUBT = "functions and tests are often adapted to one another"


@pytest.mark.usefixtures("two_tests")
def test_what_both_add_is_proposed_verified_and_handed_in(
    coord: Command, directory: Path, shop: ShopRepository
) -> None:
    before = shop.git("for-each-ref"), shop.git("status", "--porcelain")
    out = directory / "merged.json"
    ended = coord("propose", *NAMED, "--out", str(out))
    assert ended.code == 0, ended.err
    assert "agy and codex: verified" in ended.out
    assert f"{TESTS} merged by entity (plausible: {DOUBT})" in ended.out
    assert f"next: agentd-coord review --bundle {out}" in ended.err
    bundle = json.loads(out.read_text())
    grade = {"confidence": "plausible", "doubt": DOUBT}
    assert (bundle["owner"], bundle["touched_paths"]) == ("agy+codex", [TESTS])
    assert bundle["proposed_with"] == [{"path": TESTS, "with": "entity", **grade}]
    assert len(bundle["supersedes"]) == 2
    assert (shop.git("for-each-ref"), shop.git("status", "--porcelain")) == before
    review = coord("review", "--bundle", str(out), "--apply", "--json").json()
    assert [each["action"] for each in review["decisions"]] == ["merge"]
    landed = shop.git("show", f"{review['integration']['ref']}:{TESTS}")
    assert EMPTY in landed
    assert ONE in landed


@pytest.mark.usefixtures("two_tests")
def test_a_third_is_merged_with_the_proposal_for_two(
    coord: Command, shop: ShopRepository, directory: Path
) -> None:
    branch_with(shop, "gemini", TESTS, LAST_TEST, LAST_TEST + DEAR)
    two, three = directory / "two.json", directory / "three.json"
    third = ("--branch", "gemini")
    assert coord("propose", *NAMED, "--out", str(two)).code == 0
    ended = coord("propose", "--bundle", str(two), *third, "--out", str(three))
    assert ended.code == 0, ended.err + ended.out
    made = json.loads(three.read_text())
    assert made["diff_summary"] == "1 file, +9 -0"
    assert {*json.loads(two.read_text())["supersedes"]} < {*made["supersedes"]}
    assert len(made["supersedes"]) == 4
    shop.replace(shop.path, "README.md", "# The shop", "# Our shop")
    shop.commit(shop.path, "A better heading")
    rebased = coord("rebase", str(three)).json()
    assert {*made["supersedes"]} < {*rebased["supersedes"]}


def test_a_call_of_what_the_other_side_took_away_is_refused(
    coord: Command, shop: ShopRepository
) -> None:
    posted = (
        "\n    def test_posting_costs(self):\n        from shop.pricing import shipping\n"
        "\n        self.assertEqual(shipping(1), 490)\n"
    )
    branch_with(shop, "agy", TESTS, LAST_TEST, LAST_TEST + posted)
    branch_with(shop, "codex", TESTS, LAST_TEST, LAST_TEST + EMPTY)
    worktree = shop.path.parent / "worktrees/codex"
    for old in ("def shipping", "+ shipping"):
        shop.replace(worktree, PRICING, old, old.replace("shipping", "postage"))
    shop.commit(worktree, "Call it postage")
    ended = coord("propose", *NAMED, "--json")
    assert ended.code == 10, ended.err
    (proposal,) = ended.json()["proposals"]
    assert proposal["became"] == "refused"
    (refusal,) = proposal["refusals"]
    assert refusal["gate"] == "symbols"
    assert "of agy imports `shipping from shop.pricing`, which codex removed" in refusal["message"]


@pytest.mark.usefixtures("two_tests")
def test_what_is_plausible_only_is_left_out_where_somebody_says_so(
    coord: Command, shop: ShopRepository
) -> None:
    said = f"a merge would not be mechanical: {DOUBT}"
    ended = coord("propose", *NAMED, "--mechanical")
    assert ended.code == 10, ended.err
    assert said in ended.out
    with_policy(shop, "\n[proposals]\nmechanical_only = true\n")
    ended = coord("propose", *NAMED)
    assert ended.code == 10, ended.err
    assert said in ended.out


def test_what_is_mechanical_is_made_where_nothing_else_is(
    coord: Command, shop: ShopRepository, directory: Path
) -> None:
    shop.write(shop.path, "prices.toml", "[prices]\nbread = 3\n")
    shop.commit(shop.path, "Keep the prices apart")
    for owner, line in (("codex", "butter = 2\n"), ("agy", "wine = 9\n")):
        branch_with(shop, owner, "prices.toml", "bread = 3\n", "bread = 3\n" + line)
    out = directory / "merged.json"
    ended = coord("propose", *NAMED, "--mechanical", "--out", str(out))
    assert ended.code == 0, ended.err + ended.out
    assert "plausible" not in ended.out
    assert json.loads(out.read_text())["proposed_with"] == [
        {"path": "prices.toml", "with": "entity", "confidence": "mechanical"}
    ]


@pytest.mark.usefixtures("two_tests")
def test_json_has_everything(coord: Command) -> None:
    found = coord("propose", *NAMED, "--json").json()
    (proposal,) = found["proposals"]
    assert proposal["became"] == "verified"
    assert {party["owner"] for party in proposal["parties"]} == {"codex", "agy"}
    assert proposal["attempts"] == [
        {
            "path": TESTS,
            "with": "entity",
            "parsed": True,
            "problem": None,
            "confidence": "plausible",
            "doubt": DOUBT,
        }
    ]
    assert proposal["bundle"]["patch"]
    assert proposal["refusals"] == []
    kept = coord("review", "--replay", proposal["review_id"])
    assert kept.code == 0, kept.err


@pytest.mark.usefixtures("two_tests", "daemon")
def test_the_last_review_is_taken_up_and_its_bundles_are_left_out_afterwards(
    coord: Command, directory: Path
) -> None:
    for name in ("codex", "agy"):
        task = coord("bundle", "--branch", name, "--target", "main", "--lock")
        assert task.code == (0 if name == "codex" else 1), task.err
    first = coord("review", "--branch", "agy", "--json")
    assert first.code == 10, first.err
    out = directory / "merged.json"
    ended = coord("propose", "--out", str(out))
    assert ended.code == 0, ended.err + ended.out
    review = coord("review", "--bundle", str(out), "--json").json()
    assert [bundle["owner"] for bundle in review["bundles"]] == ["codex+agy"]
    assert [each["action"] for each in review["decisions"]] == ["merge"]
    (told,) = (found for found in review["findings"] if found["kind"] == "supersedes")
    assert "of codex" in told["message"]
    # What an agent says of itself takes nobody's place: only a named bundle does.
    both = coord("review", "--branch", "agy", "--json").json()
    assert {bundle["owner"] for bundle in both["bundles"]} == {"codex", "agy"}


@pytest.mark.usefixtures("two_tests")
def test_a_stale_bundle_is_merged_with_the_target(coord: Command, shop: ShopRepository) -> None:
    shop.replace(shop.path, TESTS, LAST_TEST, LAST_TEST + ONE.replace("one", "uno"))
    shop.commit(shop.path, "The target's own test")
    ended = coord("rebase", "codex")
    assert ended.code == 10
    assert "agentd-coord propose" in ended.err
    ended = coord("propose", "--branch", "codex")
    assert ended.code == 0, ended.err
    assert "the target and codex: verified" in ended.out


def test_a_proposal_that_fails_the_tests_is_not_written(
    coord: Command, shop: ShopRepository, directory: Path
) -> None:
    branch_with(shop, "codex", TESTS, LAST_TEST, LAST_TEST + WRONG)
    branch_with(shop, "agy", TESTS, LAST_TEST, LAST_TEST + ONE)
    out = directory / "merged.json"
    for more in ([], ["--unverified"]):
        ended = coord("propose", *NAMED, "--out", str(out), *more)
        assert ended.code == 10, ended.err
        assert "not_merged" in ended.out
        assert "nothing was written" in ended.err
        assert not out.exists()


@pytest.mark.usefixtures("two_tests")
def test_what_nothing_proved_is_written_only_when_asked_for(
    coord: Command, shop: ShopRepository, directory: Path
) -> None:
    shop.write(shop.path, ".agentd/review.toml", "[verification]\nrequired = false\n")
    shop.commit(shop.path, "Nothing to run")
    out = directory / "merged.json"
    ended = coord("propose", *NAMED, "--out", str(out))
    assert ended.code == 10, ended.err
    assert "unverified" in ended.out
    assert "--unverified" in ended.err
    assert not out.exists()
    assert coord("propose", *NAMED, "--out", str(out), "--unverified").code == 0
    assert out.exists()


@pytest.mark.usefixtures("two_prices")
def test_the_policys_driver_is_asked_first(
    coord: Command, shop: ShopRepository, directory: Path
) -> None:
    with_policy(shop, DRIVER)
    # It also does what it should not; none of that is looked at.
    path = install(
        directory,
        "shop-merge",
        'echo "x = 1" >> "$3"; cd "$(dirname "$1")"; touch other.py ../../other.py\n'
        'exec git merge-file --union "$1" "$2" "$3.was"',
    )
    ended = coord("propose", *NAMED, **path)
    assert "union: it leaves conflicts or fails (exit code" in ended.out
    assert "; entity: " in ended.out
    path = install(
        directory,
        "shop-merge",
        'git merge-file --union "$1" "$2" "$3"; echo "x = 1" >> "$3"\n'
        'cd "$(dirname "$1")"; touch other.py ../../other.py; exit 0',
    )
    out = directory / "merged.json"
    ended = coord("propose", *NAMED, "--out", str(out), "--json", **path)
    assert ended.code == 0, ended.err + ended.out
    bundle = json.loads(out.read_text())
    assert bundle["touched_paths"] == [PRICING]
    (made,) = bundle["proposed_with"]
    assert made["with"] == "union"
    assert made["command"] == ["shop-merge", "%A", "%O", "%B"]
    # Named makers take the place of the policy's.
    ended = coord("propose", *NAMED, "--with", "entity", **path)
    assert ended.code == 10
    assert "union" not in ended.out


@pytest.mark.usefixtures("two_prices")
def test_a_driver_that_edits_what_did_not_conflict_is_refused(
    coord: Command, shop: ShopRepository, directory: Path
) -> None:
    with_policy(shop, DRIVER)
    script = 'git merge-file --union "$1" "$2" "$3"; exec sed -i "s/= 490/= 0/" "$1"'
    ended = coord("propose", *NAMED, "--with", "union", **install(directory, "shop-merge", script))
    assert ended.code == 10
    assert "agy and codex: refused" in ended.out
    assert "it changes lines that do not conflict" in ended.out


@pytest.mark.usefixtures("two_prices")
def test_mergiraf_is_known_and_said_to_be_missing(coord: Command, directory: Path) -> None:
    ended = coord("propose", *NAMED, "--with", "entity", "--with", "mergiraf")
    assert ended.code == 10
    assert "mergiraf: there is no program mergiraf on PATH" in ended.out
    script = '[ "$1 $2 $6" = "merge --git -p" ] && exec git merge-file --union "$4" "$3" "$5"'
    ended = coord("propose", *NAMED, "--with", "mergiraf", **install(directory, "mergiraf", script))
    assert ended.code == 0, ended.out
    assert f"{PRICING} merged by mergiraf" in ended.out


@pytest.mark.usefixtures("two_prices")
def test_a_model_is_asked_and_named(coord: Command, directory: Path) -> None:
    out = directory / "merged.json"
    with serving(refusal(429, "busy"), replacements(BOTH)).running() as server:
        model = {"DEEPSEEK_API_KEY": KEY, "DEEPSEEK_BASE_URL": server.url}
        ended = coord("propose", *NAMED, "--with", "deepseek", "--out", str(out), **model)
    assert ended.code == 0, ended.err + ended.out
    assert f"{PRICING} merged by deepseek (deepseek-flash, 900 + 40 tokens)" in ended.out
    (made,) = json.loads(out.read_text())["proposed_with"]
    assert (made["with"], made["model"], made["usage"]["cached_tokens"]) == (
        "deepseek",
        "deepseek-flash",
        640,
    )
    assert len(server.asked) == 2
    question = json.loads(server.asked[0].body["messages"][1]["content"])
    assert question["path"] == PRICING
    assert len(question["regions"]) == 1
    for path in directory.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


@pytest.mark.usefixtures("two_prices")
@pytest.mark.parametrize(
    ("reply", "became", "said"),
    [
        (replacements(BOTH, "x = 1\n"), "refused", "answers for 2 regions instead of 1"),
        (replacements(BOTH + "    amount = 0\n"), "refused", "amount = 0"),
        (replacements(LOGGED), "refused", "amount += 0"),
        (refusal(401, "Authentication Fails"), "declined", "correct DEEPSEEK_API_KEY"),
        (Reply(body=b"<html>"), "declined", "no completion: <html>"),
    ],
)
def test_whatever_else_a_model_answers_is_not_taken(
    coord: Command, directory: Path, reply: Reply, became: str, said: str
) -> None:
    out = directory / "merged.json"
    with serving(reply).running() as server:
        model = {"DEEPSEEK_API_KEY": KEY, "DEEPSEEK_BASE_URL": server.url}
        ended = coord("propose", *NAMED, "--with", "deepseek", "--out", str(out), **model)
    assert ended.code == 10, ended.err
    assert f"agy and codex: {became}" in ended.out
    assert said in ended.out
    assert not out.exists()
    assert KEY not in ended.out + ended.err


@pytest.mark.usefixtures("two_prices")
def test_without_a_key_a_named_model_is_an_error_and_the_policys_declines(
    coord: Command, shop: ShopRepository
) -> None:
    ended = coord("propose", *NAMED, "--with", "deepseek", DEEPSEEK_API_KEY="")
    assert ended.code == 1
    assert ended.err.startswith("error: deepseek needs a key, and DEEPSEEK_API_KEY is not set\n")
    assert "hint: Set DEEPSEEK_API_KEY" in ended.err
    with_policy(shop, '\n[proposals]\nmakers = ["deepseek", "entity"]\n')
    ended = coord("propose", *NAMED, DEEPSEEK_API_KEY="")
    assert ended.code == 10
    assert "deepseek: deepseek needs a key, and DEEPSEEK_API_KEY is not set" in ended.out


def interrupt(
    shop: ShopRepository, environment: dict[str, str], wait: Callable[[], object], *options: str
) -> None:
    """Starts a proposal, waits until it is at it, and presses Ctrl-C."""
    out = shop.path.parent / "merged.json"
    command = [sys.executable, "-m", "agentd.cli.coord", "propose", *NAMED, "--out", str(out)]
    running = subprocess.Popen(
        [*command, *options],
        cwd=shop.path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert wait()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=PATIENCE_SECS)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 130
    assert said == "interrupted; nothing was left half done\n"
    assert not out.exists()
    assert not list((shop.path.parent / "home" / "scratch").glob("*"))


@pytest.mark.usefixtures("two_prices")
def test_ctrl_c_leaves_a_model_and_nothing_behind(
    shop: ShopRepository, environment: dict[str, str]
) -> None:
    with serving(Reply(hangs=True)).running() as server:
        model = {"DEEPSEEK_API_KEY": KEY, "DEEPSEEK_BASE_URL": server.url}

        def asked() -> bool:
            return server.came.wait(PATIENCE_SECS)

        interrupt(shop, {**environment, **model}, asked, "--with", "deepseek")


@pytest.mark.usefixtures("two_prices")
def test_ctrl_c_ends_a_driver_and_leaves_nothing_behind(
    shop: ShopRepository, environment: dict[str, str], directory: Path
) -> None:
    path = install(directory, "mergiraf", "touch ../tmp/started; sleep 600 & wait")

    def started() -> bool:
        deadline = time.monotonic() + PATIENCE_SECS
        while not list((directory / "home" / "scratch").glob("run-*/tmp/started")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return True

    interrupt(shop, {**environment, **path}, started, "--with", "mergiraf")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--review", "3f2a91c0", "--branch", "codex"], "exclude one another"),
        (["--target", "main"], "--target belongs to named bundles"),
        (["--out", "no/such/directory/x.json"], "there is no directory"),
    ],
)
def test_a_wrong_command_line_is_told_so(coord: Command, arguments: list[str], said: str) -> None:
    ended = coord("propose", *arguments)
    assert ended.code == 2
    assert said in ended.err


@pytest.mark.usefixtures("two_tests")
def test_an_unknown_maker_is_told_who_there_is(coord: Command, shop: ShopRepository) -> None:
    ended = coord("propose", *NAMED, "--with", "merigraf")
    assert ended.code == 2
    assert "There are entity, mergiraf, deepseek" in ended.err
    with_policy(shop, '\n[proposals]\nmakers = ["entiti"]\n')
    ended = coord("propose", *NAMED)
    assert ended.code == 1
    assert "'entiti'" in ended.err


@pytest.mark.usefixtures("two_tests")
def test_a_named_bundle_that_cannot_be_had_is_told(coord: Command) -> None:
    ended = coord("propose", *NAMED, "--branch", "nosuch")
    assert ended.code == 10
    assert "agy and codex: verified" in ended.out
    assert "nosuch: reject: " in ended.err


def test_without_a_review_there_is_nothing_to_take_up(coord: Command) -> None:
    ended = coord("propose")
    assert ended.code == 1
    assert "agentd-coord review" in ended.err


@pytest.mark.usefixtures("two_tests")
def test_a_review_whose_target_has_moved_is_not_taken_up(
    coord: Command, shop: ShopRepository
) -> None:
    assert coord("review", *NAMED).code == 10
    shop.replace(shop.path, "README.md", "# The shop", "# Our shop")
    shop.commit(shop.path, "A better heading")
    ended = coord("propose")
    assert ended.code == 1
    assert "has moved" in ended.err


@pytest.mark.usefixtures("daemon")
def test_no_conflict_is_no_failure(
    coord: Command, shop: ShopRepository, daemon: StartedDaemon
) -> None:
    branch_with(shop, "codex", TESTS, LAST_TEST, LAST_TEST + EMPTY)
    assert coord("review", "--branch", "codex").code == 0
    ended = coord("propose")
    assert ended.code == 0, ended.err
    assert "no conflict that a merge could settle" in ended.out


def test_help_waits_for_no_model(environment: dict[str, str]) -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from agentd.cli.coord import app;"
        "CliRunner().invoke(app, ['propose', '--help']);"
        "print([m for m in ('httpx', 'git', 'agentd.settings') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"
