"""DeepSeek's agent: what it takes from its model, what it writes, and a whole run of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon
from agentd.providers.agent_events import Failure, Refusal, Result, Spending
from agentd.providers.deepseek_adapter import ADAPTER
from agentd.providers.deepseek_conversation import Edit, NoAnswer, opening, read_turn
from agentd.providers.deepseek_worktree import DeepSeekWorktree
from tests.cli.conftest import Command, Ended, coord, daemon, directory, environment, shop
from tests.fakes.model_server import ModelServer, Reply, answer, refusal, serving

__all__ = ["coord", "daemon", "directory", "environment", "shop"]

KEY = "sk-0123456789abcdef0123"
PRICING = "shop/pricing.py"
SHIPPING = "    return SHIPPING\n"
FREE = "    return 0 if amount >= 5000 else SHIPPING\n"


def turn(**said: Any) -> Reply:
    """A model's answer."""
    return answer(json.dumps(said))


class TestAnswers:
    def test_reads_edits_and_an_end(self) -> None:
        text = json.dumps(
            {
                "say": "I look",
                "read": ["a", 3, ""],
                "edits": [
                    {"path": "b", "content": "new\n"},
                    {"path": "c", "find": "x", "replace": ""},
                ],
                "done": True,
            }
        )
        found = read_turn(text)
        assert (found.say, found.read, found.done) == ("I look", ("a",), True)
        assert found.edits == (Edit("b", "new\n"), Edit("c", "", "x"))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "no JSON object"),
            ("[1]", "no JSON object"),
            ("```json\n{}\n```", "no JSON object"),
            ("{}", 'no "read"'),
            ('{"read": "a"}', 'no "read"'),
            ('{"done": "true"}', 'no "read"'),
            ('{"edits": [{"content": "x"}]}', "no path"),
            ('{"edits": [{"path": ["a"], "content": "x"}]}', "no path"),
            ('{"edits": [{"path": "a", "content": 3}]}', "neither"),
            ('{"edits": [{"path": "a", "find": "", "replace": "x"}]}', "neither"),
        ],
    )
    def test_what_is_none(self, text: str, said: str) -> None:
        with pytest.raises(NoAnswer, match=said):
            read_turn(text)

    @pytest.mark.parametrize(("before", "count"), [("b", 0), ("a a", 2), (None, 0)])
    def test_what_is_to_be_found_occurs_once(self, before: str | None, count: int) -> None:
        with pytest.raises(NoAnswer, match=f"occurs {count} times"):
            Edit("f", "x", "a").applied(before)
        assert Edit("f", "x", "a").applied("(a)") == "(x)"

    def test_a_large_repository_is_not_listed_whole(self) -> None:
        shown = opening("do it", [f"f{number}" for number in range(10)], 3)
        assert "f2\n… and 7 more" in shown
        assert "f3" not in shown


class TestWorktree:
    @pytest.fixture
    def worktree(self, shop: ShopRepository, directory: Path) -> DeepSeekWorktree:
        (shop.path / ".gitignore").write_text(".env\n")
        (shop.path / ".env").write_text(f"DEEPSEEK_API_KEY={KEY}\n")
        (shop.path / "binary").write_bytes(b"\xff\x00")
        (shop.path / "large").write_text("x" * 300_000)
        (directory / "outside").write_text("secret\n")
        (shop.path / "out").symlink_to("../outside")
        (shop.path / "up").symlink_to("..")
        return DeepSeekWorktree(shop.path)

    def test_what_git_ignores_is_not_shown(self, worktree: DeepSeekWorktree) -> None:
        assert PRICING in worktree.paths()
        assert ".env" not in worktree.paths()
        for path in (".env", "nothing", "shop", "binary", "large", "out", ".git/config"):
            with pytest.raises(NoAnswer):
                worktree.shown(path)
        assert "SHIPPING = 490" in worktree.shown(PRICING)

    @pytest.mark.parametrize(
        "path",
        ["../x", "/etc/x", ".git/hooks/pre-commit", ".GIT/config", "out", "up/x", ".", "", "a\0b"],
    )
    def test_nothing_outside_is_written(self, worktree: DeepSeekWorktree, path: str) -> None:
        with pytest.raises(NoAnswer):
            worktree.write(path, "x")

    def test_a_file_keeps_its_mode_and_its_line_ends(self, worktree: DeepSeekWorktree) -> None:
        script = worktree.top / "run.sh"
        script.write_bytes(b"a\r\nb\r\n")
        script.chmod(0o755)
        worktree.write("run.sh", worktree.afterwards(Edit("run.sh", "c", "b")))
        assert script.read_bytes() == b"a\r\nc\r\n"
        assert script.stat().st_mode & 0o777 == 0o755
        worktree.write("new/deep/file", "x\n")
        assert (worktree.top / "new/deep/file").read_text() == "x\n"


def test_what_its_lines_mean() -> None:
    read = ADAPTER.read
    assert read({"type": "result", "text": "done"}) == (Result(ok=True, text="done"),)
    assert read({"type": "refused", "path": "a", "text": "held"}) == (Refusal("held", ("a",)),)
    assert read({"type": "error"}) == (Failure("it gives no reason", final=True),)
    (spending,) = read({"type": "usage", "usage": {"prompt_tokens": 3}, "model": "m"}) or ()
    assert isinstance(spending, Spending)
    assert (spending.usage.prompt_tokens, spending.model, spending.is_total) == (3, "m", False)
    assert read({"type": "news"}) is None


class TestRuns:
    @pytest.fixture
    def run(self, coord: Command, directory: Path) -> Callable[..., Ended]:
        """`agentd-coord run deepseek`, with a model that is not there."""

        def started(server: ModelServer, *options: str) -> Ended:
            home = directory / "home"
            home.mkdir(exist_ok=True)
            arguments = json.dumps(["-P", "-m", "agentd.providers.deepseek_agent"])
            (home / "config.toml").write_text(
                f"[agents.deepseek]\ncommand = {json.dumps(sys.executable)}\nargs = {arguments}\n"
            )
            return coord(
                *("run", "deepseek", "make shipping free", "--owner", "deep", *options),
                DEEPSEEK_API_KEY=KEY,
                DEEPSEEK_BASE_URL=server.url,
            )

        return started

    def test_from_the_prompt_to_the_bundle(
        self,
        run: Callable[..., Ended],
        coord: Command,
        shop: ShopRepository,
        directory: Path,
        daemon: StartedDaemon,
    ) -> None:
        edit = {"path": PRICING, "find": SHIPPING, "replace": FREE}
        replies = (
            turn(say="I look at it", read=[PRICING]),
            turn(say="I change it", edits=[edit]),
            turn(say="Shipping is free from 50.00.", done=True),
        )
        with serving(*replies).running() as server:
            ended = run(server)
        assert ended.code == 0, ended.out + ended.err
        assert "Shipping is free from 50.00." in ended.out
        assert FREE in (shop.path / PRICING).read_text()
        asked = [each.body["messages"] for each in server.asked]
        assert "make shipping free" in asked[0][1]["content"]
        assert PRICING in asked[0][1]["content"]
        assert json.loads(asked[1][-1]["content"])[0]["content"].startswith('"""What a basket')
        (bundle,) = coord("review", "--json", "--no-record").json()["bundles"]
        assert (bundle["owner"], bundle["provider"]) == ("deep", "deepseek")
        assert bundle["paths"] == [PRICING]
        with daemon.client() as client:
            (lock,) = client.list_resource_locks().locks
            journal = json.dumps(client.call("ListEvents", {}))
        # In a checkout that others share its work stays locked until it is committed.
        assert (lock.resource_key, lock.owner) == (f"file:{PRICING}", "deep")
        assert '"cost_usd": 0.0' in journal
        daemon.stop()
        told = ended.out + ended.err + journal
        assert KEY not in told
        for path in directory.rglob("*"):
            assert not path.is_file() or KEY.encode() not in path.read_bytes(), path

    def test_a_file_that_somebody_else_holds(
        self, run: Callable[..., Ended], shop: ShopRepository, daemon: StartedDaemon
    ) -> None:
        with daemon.client() as client:
            client.acquire_resource_lock(
                resource_key=f"file:{PRICING}",
                owner="codex-a",
                namespace=str(shop.path),
                metadata={"intent": "by weight"},
            )
        before = (shop.path / PRICING).read_text()
        replies = (
            turn(edits=[{"path": PRICING, "content": "x"}, {"path": "NOTES", "content": "n\n"}]),
            turn(say="The prices are held, so I left notes.", done=True),
        )
        with serving(*replies).running() as server:
            ended = run(server)
        assert ended.code == 10, ended.out + ended.err
        assert (shop.path / PRICING).read_text() == before
        assert (shop.path / "NOTES").read_text() == "n\n"
        refused, edited = json.loads(server.asked[1].body["messages"][-1]["content"])
        assert '"codex-a"' in refused["refused"]
        assert edited == {"path": "NOTES", "edited": "yes"}

    def test_what_cannot_be_done_is_told_to_the_model(
        self, run: Callable[..., Ended], shop: ShopRepository, daemon: StartedDaemon
    ) -> None:
        replies = (
            answer("I will!"),
            turn(read=["../secret"], edits=[{"path": "../x", "content": "x"}], done=True),
            turn(say="Nothing to do.", done=True),
        )
        with serving(*replies).running() as server:
            ended = run(server)
        assert ended.code == 0, ended.out + ended.err
        assert "no JSON object" in server.asked[1].body["messages"][-1]["content"]
        told = json.loads(server.asked[2].body["messages"][-1]["content"])
        assert ["error" in each for each in told] == [True, True]
        with daemon.client() as client:
            assert client.list_resource_locks().locks == []

    @pytest.mark.parametrize(
        ("reply", "said", "requests"),
        [
            (answer("never"), "no usable answer: the answer is no JSON object", 3),
            (turn(say="x" * 9, read=["README.md"]), "not done after 20 turns", 20),
            (answer("{", finish="length"), "the answer was too long", 3),
            (refusal(401, f"no: {KEY}"), "does not take the key (status 401: no: ***", 1),
        ],
    )
    def test_a_model_that_gets_nowhere(
        self,
        run: Callable[..., Ended],
        daemon: StartedDaemon,
        reply: Reply,
        said: str,
        requests: int,
    ) -> None:
        with serving(reply).running() as server:
            ended = run(server)
        assert ended.code == 1, ended.out
        assert said in ended.out + ended.err
        assert len(server.asked) == requests
        assert KEY not in ended.out + ended.err
