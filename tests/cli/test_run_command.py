"""`agentd-coord run` and `agents`: from a prompt to a bundle, with stand-in programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon
from tests.cli.conftest import Command, Ended
from tests.fakes.patience import PATIENCE_SECS
from tests.providers.conftest import STAND_INS

README = "README.md"
DONE = {"end": "completed"}

Play = Callable[..., Ended]


@pytest.fixture
def configure(directory: Path) -> Callable[..., Path]:
    """Makes a stand-in the program of an agent, with the steps that it takes."""

    def write(steps: Sequence[Mapping[str, Any]], agent: str = "codex") -> Path:
        home = directory / "home"
        home.mkdir(exist_ok=True)
        script = directory / f"{agent}.json"
        script.write_text(json.dumps(steps))
        program = STAND_INS / "app_server.py"
        (home / "config.toml").write_text(
            f"[agents.{agent}]\n"
            f"command = {json.dumps(sys.executable)}\n"
            f"args = {json.dumps([str(program), str(script)])}\n"
        )
        return script.with_suffix(".answers")

    return write


@pytest.fixture
def play(coord: Command, configure: Callable[..., Path]) -> Play:
    """Runs Codex's stand-in for one turn."""

    def run(*steps: Mapping[str, Any], options: Sequence[str] = (), **more: Any) -> Ended:
        configure([*steps, DONE])
        return coord("run", "codex", "make it better", "--owner", "codex-a", *options, **more)

    return run


def lines(ended: Ended) -> list[dict[str, Any]]:
    """What `--json` printed."""
    return [json.loads(line) for line in ended.out.splitlines()]


@pytest.mark.usefixtures("daemon")
def test_what_it_changed_is_in_the_review(play: Play, coord: Command, shop: ShopRepository) -> None:
    ended = play({"say": "I will."}, {"edit": {README: "# New\n", "docs/new.md": "n\n"}})
    assert ended.code == 0, ended.err
    assert "says      I will." in ended.out
    assert "intends   changes" in ended.out
    assert ended.out.splitlines()[-1].startswith("done      330 tokens in, 60 out")
    assert "codex-a runs Codex CLI (guarded: its sandbox is read-only" in ended.err
    assert "handed in as event" in ended.err
    review = coord("review", "--json", "--no-record").json()
    (bundle,) = review["bundles"]
    assert (bundle["owner"], bundle["provider"]) == ("codex-a", "codex")
    assert bundle["paths"] == [README, "docs/new.md"]
    assert bundle["enforcement"] == "guarded"
    assert bundle["intent"] == "make it better"
    assert bundle["base"]["commit"] == shop.head()
    (task,) = coord("tasks", "--json").json()["tasks"]
    assert task["goal"] == "make it better"
    assert task["state"] == "completed"


@pytest.mark.usefixtures("daemon")
def test_what_others_hold_is_refused_and_said(
    play: Play, coord: Command, daemon: StartedDaemon
) -> None:
    with daemon.client() as client:
        client.acquire_resource_lock(
            resource_key=f"file:{README}", owner="gemini-b", metadata={"intent": "the same"}
        )
    ended = play({"edit": {README: "# New\n"}}, {"edit": {"own.md": "x\n"}}, options=["--json"])
    assert ended.code == 10, ended.err
    events = lines(ended)
    (refusal,) = [event for event in events if event["event"] == "refusal"]
    assert "is held by" in refusal["text"]
    assert events[-1]["event"] == "ended"
    assert events[-1]["ended"] == "refused"
    assert events[-1]["changed_paths"] == ["own.md"]
    assert events[-1]["usage"]["prompt_tokens"] == 330
    with daemon.client() as client:
        journaled = client.call("ListEvents", {"action_types": ["edit.refused", "result"]})
    refused, result = journaled["events"]
    assert refused["payload"]["reason"] == refusal["text"]
    assert result["payload"]["conflicts"] == [refusal["text"]]


def test_a_refusal_is_shown_with_the_holder_and_his_intent(
    play: Play, daemon: StartedDaemon
) -> None:
    with daemon.client() as client:
        client.acquire_resource_lock(
            resource_key=f"file:{README}", owner="gemini-b", metadata={"intent": "the same"}
        )
    ended = play({"edit": {README: "# New\n"}})
    assert ended.code == 10, ended.err
    assert 'held by "gemini-b"' in ended.out
    assert '"the same"' in ended.out


@pytest.mark.usefixtures("daemon")
def test_locks_of_changed_files_stay_in_a_shared_checkout(play: Play, coord: Command) -> None:
    assert play({"edit": {README: "# New\n"}}).code == 0
    held = coord("locks", "--json").json()["locks"]
    assert [(lock["resource_key"], lock["owner"]) for lock in held] == [
        (f"file:{README}", "codex-a")
    ]


@pytest.mark.usefixtures("daemon")
def test_a_worktree_of_its_own_is_made_and_set_free(
    play: Play, coord: Command, shop: ShopRepository, directory: Path
) -> None:
    path = directory / "fix"
    ended = play({"edit": {README: "# New\n"}}, options=["--worktree", str(path)])
    assert ended.code == 0, ended.err
    assert (path / README).read_text() == "# New\n"
    assert shop.git("branch", "--show-current", at=path).strip() == "agentd/codex-a"
    assert shop.git("status", "--porcelain") == ""
    assert coord("locks", "--json").json()["locks"] == []
    again = play({"edit": {"more.md": "x\n"}}, options=["--worktree", str(path)])
    assert again.code == 0, again.err


def test_others_work_in_the_checkout_is_not_its_own(
    play: Play, shop: ShopRepository, daemon: StartedDaemon
) -> None:
    (shop.path / "before.md").write_text("uncommitted\n")
    (shop.path / README).write_text("# Half done\n")
    with daemon.client() as client:
        client.acquire_resource_lock(resource_key="dir:others", owner="gemini-b")
    ended = play(
        {"edit": {README: "# New\n"}},
        {"write": {"others/x.md": "theirs\n", "shell.md": "nobody's\n"}},
        options=["--json"],
    )
    assert ended.code == 0, ended.err
    assert lines(ended)[-1]["changed_paths"] == [README]
    assert f"{README}: held something uncommitted before" in ended.err
    assert "shell.md: changed in the meantime, and nobody has locked it" in ended.err
    assert "others/x.md: changed in the meantime by whoever has locked it" in ended.err


def test_what_an_agent_that_asks_for_no_lock_wrote_is_handed_in_beside_others(
    coord: Command, directory: Path, daemon: StartedDaemon
) -> None:
    writes = "echo mine > own.md; mkdir others; echo theirs > others/x.md"
    (directory / "home" / "config.toml").write_text(
        f'[agents.mine]\nadapter = "command"\ncommand = "sh"\nargs = ["-c", "{writes}"]\n'
    )
    with daemon.client() as client:
        client.acquire_resource_lock(resource_key="dir:others", owner="gemini-b")
    ended = coord("run", "mine", "write", "--json")
    assert ended.code == 0, ended.err
    assert lines(ended)[-1]["changed_paths"] == ["own.md"]
    assert "own.md: changed in the meantime, and nobody has locked it: taken" in ended.err
    assert "others/x.md: changed in the meantime by whoever has locked it" in ended.err


@pytest.mark.usefixtures("daemon")
def test_alone_what_its_shell_wrote_is_its_own(play: Play) -> None:
    ended = play({"write": {"shell.md": "by sed\n"}}, options=["--json"])
    assert lines(ended)[-1]["changed_paths"] == ["shell.md"]


def test_without_a_daemon_the_bundle_goes_to_a_file(
    play: Play, coord: Command, directory: Path
) -> None:
    ended = play({"edit": {README: "# New\n"}})
    assert ended.code == 0, ended.err
    assert "nothing is guarded" in ended.err
    assert "runs Codex CLI (none: no daemon keeps locks)" in ended.err
    kept = directory / "home" / "bundles" / "codex-a.json"
    assert f"wrote {kept}" in ended.err
    review = coord("review", "--bundle", str(kept), "--json", "--no-record").json()
    assert review["bundles"][0]["paths"] == [README]
    assert review["bundles"][0]["enforcement"] == "none"


@pytest.mark.usefixtures("daemon")
def test_where_locks_only_advise_nothing_is_called_guarded(play: Play) -> None:
    ended = play(options=["--json"], AGENTD_HOOK_POLICY="advisory")
    assert ended.code == 0, ended.err
    assert "runs Codex CLI (advisory: the policy is advisory)" in ended.err
    assert lines(ended)[-1]["enforcement"] == "advisory"


@pytest.mark.usefixtures("daemon")
def test_a_failed_run_hands_nothing_in(
    coord: Command, configure: Callable[..., Path], directory: Path
) -> None:
    configure([{"edit": {README: "# New\n"}}, {"end": "failed"}])
    ended = coord("run", "codex", "x", "--owner", "codex-a")
    assert ended.code == 1
    assert ended.out.splitlines()[-1].endswith("the model is away")
    assert "which is not handed in" in ended.err
    assert coord("review", "--json", "--no-record").json()["integration"] is None
    (task,) = coord("tasks", "--json").json()["tasks"]
    assert task["state"] == "failed"


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("where", ["options", "config"])
def test_one_that_gets_nowhere_is_ended(
    coord: Command, configure: Callable[..., Path], directory: Path, where: str
) -> None:
    configure([{"say": "working"}, {"hang": True}])
    options = ["--stall-timeout", "3"]
    if where == "config":
        config = directory / "home" / "config.toml"
        config.write_text(f"{config.read_text()}stall_secs = 3\n")
        options = []
    ended = coord("run", "codex", "x", "--owner", "codex-a", *options)
    assert ended.code == 1
    assert "notice    no progress for 1 s; it is ended after 3 s" in ended.out
    assert "made no progress for 3 s" in ended.out.splitlines()[-1]


@contextmanager
def begun_run(shop: ShopRepository, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A run of `me` that goes on; its process is ended at the end, whatever a test found."""
    with subprocess.Popen(
        [sys.executable, "-m", "agentd.cli.coord", "run", "codex", "x", "--json", "--owner", "me"],
        cwd=shop.path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_of_it(
    number: signal.Signals,
    coord: Command,
    configure: Callable[..., Path],
    shop: ShopRepository,
    environment: dict[str, str],
) -> None:
    configure([{"say": "working"}, {"hang": True}])
    with begun_run(shop, environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "working" in line:
                break
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=PATIENCE_SECS)
    assert process.returncode == 130, err
    last = json.loads(out.splitlines()[-1])
    assert (last["ended"], last["why"]) == ("failed", "it was interrupted")
    assert b"AGENTD_SESSION_ID=me" not in all_environments()
    (task,) = coord("tasks", "--json").json()["tasks"]
    assert task["state"] == "failed"


@pytest.mark.usefixtures("daemon")
def test_a_reader_that_has_gone_ends_it(
    coord: Command,
    configure: Callable[..., Path],
    shop: ShopRepository,
    environment: dict[str, str],
) -> None:
    configure([{"say": "working"}] * 3_000 + [{"hang": True}])  # More than a pipe holds.
    with begun_run(shop, environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        process.wait(PATIENCE_SECS)
    assert "Traceback" not in err
    assert b"AGENTD_SESSION_ID=me" not in all_environments()
    (task,) = coord("tasks", "--json").json()["tasks"]
    assert task["state"] == "failed"


@pytest.mark.parametrize("option", ["--timeout", "--stall-timeout"])
@pytest.mark.parametrize("secs", ["nan", "inf", "-1", "1e9", "soon"])
def test_a_time_that_is_none_is_wrong_usage(play: Play, option: str, secs: str) -> None:
    ended = play(options=[option, secs])
    assert ended.code == 2, ended.err
    assert option in ended.err


def all_environments() -> bytes:
    """The environments of all processes that may be looked at."""
    found = b""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            found += path.read_bytes()
        except OSError:
            continue
    return found


def test_wrong_command_lines(coord: Command, configure: Callable[..., Path]) -> None:
    assert "did you mean codex?" in coord("run", "codx", "x").err
    configure([DONE])
    assert coord("run", "codex", " ").code == 2
    wrong_way = coord("run", "codex", "x", "--via", "carrier-pigeon")
    assert wrong_way.code == 2
    assert "it has app-server, lines" in wrong_way.err


def test_a_program_that_nobody_is_logged_in_to(
    coord: Command, configure: Callable[..., Path]
) -> None:
    configure([{"end": "failed", "why": "unexpected status 401 Unauthorized"}])
    ended = coord("run", "codex", "x")
    assert ended.code == 1
    assert "needs you: nobody is logged in, as it seems: unexpected status 401" in ended.err
    assert "To do: run `codex login`" in ended.err


@pytest.mark.usefixtures("daemon")
def test_what_it_needs_a_person_for_is_told_once_and_at_the_end(
    coord: Command, configure: Callable[..., Path]
) -> None:
    retry = json.dumps(
        {"method": "error", "params": {"error": {"message": "429 Too Many"}, "willRetry": True}}
    )
    steps = [{"raw": retry}, {"raw": retry}, {"run": "sed -i s/a/b/ x"}, {"run": "rm x"}]
    configure([*steps, {"end": "failed", "why": "Quota exceeded. Check your plan."}])
    ended = coord("run", "codex", "x", "--json")
    assert ended.code == 1
    needs = [(each["need"], each["level"]) for each in lines(ended) if each["event"] == "attention"]
    assert needs == [("rate_limit", "notice"), ("permission", "action"), ("quota", "action")]
    assert [each["need"] for each in lines(ended)[-1]["needs"]] == [need for need, _ in needs]
    assert all(each["advice"] for each in lines(ended)[-1]["needs"])

    ended = coord("run", "codex", "x")
    assert (
        "notice    its provider lets it ask no more for now: 429 Too Many. To do: wait" in ended.out
    )
    assert "action    it wants to run commands that are not allowed here. To do: " in ended.out
    assert ended.err.count("needs you: ") == 3
    assert "To do: run it with --allow-shell" in ended.err


@pytest.mark.usefixtures("daemon")
def test_what_only_held_up_a_run_that_ended_well_needs_nobody(play: Play) -> None:
    retry = json.dumps(
        {"method": "error", "params": {"error": {"message": "429 Too Many"}, "willRetry": True}}
    )
    ended = play({"raw": retry}, {"ask": ["item/tool/requestUserInput", {}]}, options=["--json"])
    assert ended.code == 10, ended.err
    assert [each["need"] for each in lines(ended)[-1]["needs"]] == ["answer"]


def test_a_program_that_is_not_installed(coord: Command) -> None:
    ended = coord("run", "codex", "x", PATH="/nowhere")
    assert ended.code == 1
    assert "error: Codex CLI is not installed: there is no program 'codex'" in ended.err


def test_the_agents_that_there_are(coord: Command, configure: Callable[..., Path]) -> None:
    configure([])
    listed = {each["name"]: each for each in coord("agents", "--json").json()["agents"]}
    assert listed["codex"]["installed"]
    assert listed["codex"]["version"] == f"Python {sys.version.split()[0]}"
    assert [way["transport"] for way in listed["codex"]["ways"]] == ["app-server", "lines"]
    assert not listed["command"]["installed"]
    shown = coord("agents", COLUMNS="80").out.splitlines()
    codex = next(number for number, line in enumerate(shown) if line.startswith("codex "))
    assert "Python" in shown[codex]
    assert shown[codex + 1].startswith("  app-server guarded   its sandbox is read-only")
    assert shown[codex + 2].startswith("  lines      guarded   a hook for this session")
    assert any(line == "claude_code  claude  not installed" for line in shown)


def test_the_custom_adapter_of_the_examples(
    coord: Command, directory: Path, daemon: StartedDaemon
) -> None:
    example = Path(__file__).parents[2] / "examples" / "custom_adapter.py"
    (directory / "home" / "config.toml").write_text(
        '[agents.mine]\nadapter = "custom_adapter:ADAPTER"\n'
        f"command = {json.dumps(sys.executable)}\nargs = [{json.dumps(str(example))}]\n"
    )
    run = ["run", "mine", "remember this", "--json", "--owner"]
    ended = coord(*run, "mine-1", PYTHONPATH=str(example.parent))
    assert ended.code == 0, ended.err
    assert lines(ended)[-1]["changed_paths"] == ["NOTES.md"]
    assert lines(ended)[-1]["why"] == "that is all"
    refused = coord(*run, "mine-2", PYTHONPATH=str(example.parent))
    assert refused.code == 10
    assert lines(refused)[-1]["refusals"] == ["somebody else holds NOTES.md"]
