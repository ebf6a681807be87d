"""The verifier: real commands on real checkouts, with and without bubblewrap."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from agentd.conflicts.checks.command_runs import RunStatus, Verdict
from agentd.conflicts.checks.process_run import MARKER
from agentd.conflicts.checks.proof import run_against
from agentd.conflicts.checks.sandbox import find_bubblewrap
from agentd.conflicts.checks.verification import Step, VerificationProgress, Verifier
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.policy.policy import Command, parse_policy
from agentd.core.clock import Instant
from agentd.errors import DependencyFailed
from tests.fakes.patience import PATIENCE_SECS
from tests.fakes.signals import default_signals

ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "MY_TOKEN": "t", "PASSED": "p"}


class Trees:
    """Trees by name, written as files."""

    def __init__(self, **trees: Mapping[str, str]) -> None:
        self.trees = trees
        self.checkouts: list[str] = []
        self.on_checkout: Callable[[Path], None] = lambda _: None

    def checkout_tree(self, tree: str, directory: Path) -> None:
        self.checkouts.append(tree)
        if tree not in self.trees:
            raise DependencyFailed("git_failed", f"no tree {tree}")
        for name, text in self.trees[tree].items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.on_checkout(directory)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.instant = 1_800_000_000_000

    def now(self) -> Instant:
        return Instant(self.instant)


class Bench:
    """A verifier's surroundings, which several verifiers may share."""

    def __init__(self, directory: Path, walls: bool) -> None:
        self.directory = directory
        self.walls = walls
        self.clock = Clock()
        self.trees = Trees(t={"file": "text\n", "sub/file": "x\n"})
        self.progress: list[VerificationProgress] = []
        self.cancelled: Callable[[], bool] = lambda: False

    def verifier(self, toml: str = "") -> Verifier:
        return Verifier(
            self.trees,
            parse_policy("[verification]\n" + toml).verification,
            scratch=self.directory / "scratch",
            results=self.directory / "results",
            environ=ENVIRON,
            clock=self.clock,
            use_bubblewrap=self.walls,
            progress=self.progress.append,
            cancelled=lambda: self.cancelled(),
        )

    def left_behind(self) -> list[Path]:
        scratch = self.directory / "scratch"
        return list(scratch.iterdir()) if scratch.exists() else []

    def processes(self) -> list[int]:
        """Those that still run in a scratch directory of ours."""
        wanted = f"{MARKER}={self.directory}/".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            try:
                variables = entry.read_bytes().split(b"\0")
            except OSError:
                continue
            if any(variable.startswith(wanted) for variable in variables):
                found.append(int(entry.parent.name))
        return found


@pytest.fixture(params=["bwrap", "none"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    walls = request.param == "bwrap"
    if walls and find_bubblewrap(ENVIRON, ()) is None:
        pytest.skip("bubblewrap is not installed or does not work here")
    made = Bench(tmp_path / "agentd", walls)
    yield made
    assert made.left_behind() == []
    assert made.processes() == []


@pytest.fixture
def bare(tmp_path: Path) -> Bench:
    """Without walls, for what does not depend on them."""
    return Bench(tmp_path / "agentd", walls=False)


def sh(*commands: str, **keys: float) -> list[Command]:
    return [Command(run=command, **keys) for command in commands]  # type: ignore[arg-type]


def test_a_run_is_evidence_about_a_tree(bench: Bench) -> None:
    verifier = bench.verifier()
    passed, failed = verifier.run("t", sh("cat file sub/file", "echo ä; cat missing"))
    assert (passed.status, passed.exit_code, passed.tree) == (RunStatus.PASSED, 0, "t")
    assert passed.output_tail == "text\nx\n"
    assert passed.sandbox == verifier.sandbox == ("bwrap" if bench.walls else "none")
    assert passed.attempts == 1
    assert failed.status is RunStatus.FAILED
    assert failed.exit_code == 1
    assert failed.output_tail.startswith("ä\n")
    assert failed.attempts == 2
    json.dumps(failed.to_json())


def test_the_policys_commands_run_where_none_are_given(bare: Bench) -> None:
    verifier = bare.verifier('commands = ["true", { run = "false", name = "doomed" }]')
    assert [(run.name, run.status.value) for run in verifier.run("t")] == [
        ("true", "passed"),
        ("doomed", "failed"),
    ]
    assert bare.verifier().run("t") == ()


def test_a_command_sees_the_scrubbed_environment(bench: Bench) -> None:
    (run,) = bench.verifier('env_pass = ["P*", "MY_*"]').run("t", sh("env; pwd; ls -A ~ $TMPDIR"))
    lines = run.output_tail.splitlines()
    assert "PASSED=p" in lines
    assert not [line for line in lines if "MY_TOKEN" in line]
    assert not [line for line in lines if line.startswith("HOME=/nonexistent")]
    assert any(line.endswith("/tree") for line in lines)


def test_the_checkout_is_a_repository_of_one_commit(bench: Bench) -> None:
    asks = "git log --format=%s && git status --porcelain && git ls-files && git remote"
    bench.trees.trees["t"] = {
        ".gitignore": "ignored\n",
        "ignored": "x",
        ".gitattributes": "* text eol=lf\n",
        "crlf": "a\r\nb\n",
    }
    (run,) = bench.verifier().run("t", sh(asks))
    names = ".gitattributes\n.gitignore\ncrlf\nignored\n"
    assert (run.exit_code, run.output_tail) == (0, f"The tree to verify\n{names}")


def test_the_repository_is_the_same_every_time(bare: Bench) -> None:
    verifier = bare.verifier("cache_secs = 0")
    first, second = verifier.run("t", sh("git rev-parse HEAD", "git rev-parse  HEAD"))
    assert first.output_tail == second.output_tail


def test_without_a_repository_git_finds_none_above_either(bench: Bench) -> None:
    bench.directory.mkdir()
    subprocess.run(["git", "init", "-q", str(bench.directory)], check=True)
    (run,) = bench.verifier("git_repository = false").run("t", sh("git status"))
    assert run.exit_code == 128
    assert "not a git repository" in run.output_tail


def test_an_empty_tree_can_be_verified(bench: Bench) -> None:
    bench.trees.trees["empty"] = {}
    (run,) = bench.verifier().run("empty", sh("ls -A"))
    assert (run.status, run.output_tail) == (RunStatus.PASSED, ".git\n")


def test_each_command_has_a_fresh_checkout(bench: Bench) -> None:
    runs = bench.verifier().run("t", sh("rm file; touch new", "test -e file && test ! -e new"))
    assert [run.status for run in runs] == [RunStatus.PASSED, RunStatus.PASSED]


def test_a_timeout_is_no_definite_result_and_is_not_kept(bench: Bench) -> None:
    commands = sh("echo begun; sleep 1000", timeout_secs=0.3)
    (run,) = bench.verifier("flaky_reruns = 0").run("t", commands)
    assert (run.status, run.exit_code) == (RunStatus.TIMED_OUT, None)
    (again,) = bench.verifier("flaky_reruns = 0").run("t", commands)
    assert not again.cached


def test_what_is_flaky_is_called_flaky(bench: Bench) -> None:
    def draw(directory: Path) -> None:
        luck = "bad" if len(bench.trees.checkouts) == 1 else "good"
        (directory / "luck").write_text(luck)

    bench.trees.on_checkout = draw
    (run,) = bench.verifier().run("t", sh("cat luck; test $(cat luck) = good"))
    assert (run.status, run.attempts) == (RunStatus.FLAKY, 2)
    assert (run.exit_code, run.output_tail) == (1, "bad")
    assert [progress.step for progress in bench.progress] == [
        Step.STARTED,
        Step.RERUN,
        Step.FINISHED,
    ]
    (again,) = bench.verifier().run("t", sh("cat luck; test $(cat luck) = good"))
    assert again.status is RunStatus.PASSED
    assert not again.cached


def test_results_that_stand_are_kept_by_tree_command_and_environment(bare: Bench) -> None:
    bare.trees.trees["u"] = {"file": "text\n"}
    commands = sh("true", "false")
    assert [run.cached for run in bare.verifier().run("t", commands)] == [False, False]
    kept = bare.verifier().run("t", commands)
    assert [(run.cached, run.status.value) for run in kept] == [(True, "passed"), (True, "failed")]
    checkouts = len(bare.trees.checkouts)
    assert not bare.verifier().run("u", sh("true"))[0].cached
    assert not bare.verifier().run("t", sh("true "))[0].cached
    assert not bare.verifier('env_pass = ["PASSED"]').run("t", sh("true"))[0].cached
    assert not bare.verifier("network = true").run("t", sh("true"))[0].cached
    assert not bare.verifier("cache_secs = 0").run("t", sh("true"))[0].cached
    assert len(bare.trees.checkouts) == checkouts + 5


def test_a_kept_result_grows_old(bare: Bench) -> None:
    bare.verifier("cache_secs = 60").run("t", sh("true"))
    bare.clock.instant += 59_000
    assert bare.verifier("cache_secs = 60").run("t", sh("true"))[0].cached
    bare.clock.instant += 2_000
    assert not bare.verifier("cache_secs = 60").run("t", sh("true"))[0].cached
    bare.clock.instant -= 3_600_000
    assert not bare.verifier("cache_secs = 60").run("t", sh("true"))[0].cached
    bare.clock.instant += 7_200_000
    bare.verifier("cache_secs = 60").run("t", sh("echo"))
    assert len(list((bare.directory / "results").glob("*/*.json"))) == 1


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"recorded_at": 1}', "null", "\x00"])
def test_a_damaged_result_is_made_anew(bare: Bench, damage: str) -> None:
    bare.verifier().run("t", sh("true"))
    (stored,) = (bare.directory / "results").glob("*/*.json")
    stored.write_text(damage)
    assert bare.verifier().run("t", sh("true"))[0].status is RunStatus.PASSED
    assert json.loads(stored.read_text())["run"]["status"] == "passed"


def test_a_missing_program_fails_but_is_asked_for_again(bare: Bench) -> None:
    (run,) = bare.verifier().run("t", sh("no-such-program"))
    assert (run.status, run.exit_code) == (RunStatus.FAILED, 127)
    assert not bare.verifier().run("t", sh("no-such-program"))[0].cached


def test_a_tree_that_cannot_be_had_is_an_error_and_no_verdict(bench: Bench) -> None:
    (run,) = bench.verifier().run("unknown", sh("true"))
    assert run.status is RunStatus.ERROR
    assert run.problem == "no tree unknown"
    bench.trees.trees["unknown"] = {}
    verifier = bench.verifier()
    assert verifier.run("unknown", sh("true"))[0].status is RunStatus.PASSED


def test_a_command_cannot_pretend_that_it_never_started(bench: Bench) -> None:
    (run,) = bench.verifier("flaky_reruns = 0").run("t", sh("rm -rf ../* .git; exit 1"))
    assert run.status is RunStatus.FAILED


def test_walls_that_fall_down_are_an_error_and_no_verdict(
    bare: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    fake = tools / "bwrap"
    # It passes the probe, and then fails where there is a directory to change to.
    fake.write_text('#!/bin/sh\ncase "$*" in *--chdir*) echo bwrap: no >&2; exit 1;; esac\n')
    fake.chmod(0o755)
    monkeypatch.setitem(ENVIRON, "PATH", f"{tools}:{ENVIRON['PATH']}")
    bare.walls = True
    (run,) = bare.verifier("git_repository = false").run("t", sh("true"))
    assert (run.status, run.problem) == (RunStatus.ERROR, "no start: bwrap: no")


def test_a_failure_is_held_against_the_bare_target(bare: Bench) -> None:
    bare.trees.trees.update(target={"a": "bad", "b": "good"}, merged={"a": "bad", "b": "bad"})
    commands = sh("grep -q good a", "grep -q good b", "grep -q bad b")
    verifier = bare.verifier("flaky_reruns = 0")
    target, merged = TreeId("target"), TreeId("merged")
    compared = [run_against(verifier, target, merged, command) for command in commands]
    assert [comparison.verdict for comparison in compared] == [
        Verdict.FAILING_BEFORE,
        Verdict.BROKEN,
        Verdict.PASSED,
    ]
    assert [c.baseline.status.value if c.baseline else None for c in compared] == [
        "failed",
        "passed",
        None,
    ]
    assert bare.trees.checkouts.count("target") == 2  # Not for what passes.


def test_within_a_review_a_command_runs_once_on_a_tree_whatever_comes_out(bare: Bench) -> None:
    verifier = bare.verifier("flaky_reruns = 0\ncache_secs = 0")
    hanging = sh("sleep 1000", timeout_secs=0.2)
    first, second = verifier.run("t", hanging), verifier.run("t", hanging)
    assert first == second
    assert len(bare.trees.checkouts) == 1


def test_somebody_can_watch(bare: Bench) -> None:
    bare.verifier().run("t", [Command(run="true", name="one"), Command(run="echo")])
    told = [(p.step.value, p.command, p.number, p.total) for p in bare.progress]
    assert told == [
        ("started", "one", 1, 2),
        ("finished", "one", 1, 2),
        ("started", "echo", 2, 2),
        ("finished", "echo", 2, 2),
    ]
    assert bare.progress[1].run is not None
    bare.progress.clear()
    bare.verifier().run("t", [Command(run="true", name="other")])
    assert [(p.step.value, p.command) for p in bare.progress] == [("finished", "other")]


def test_a_stopped_review_runs_nothing_more(bench: Bench) -> None:
    bench.cancelled = lambda: any(bench.directory.glob("scratch/*/tree/ready"))
    runs = bench.verifier().run("t", sh("true", "touch ready; sleep 1000", "true"))
    bench.cancelled = lambda: True
    later = bench.verifier().run("t", sh("echo"))
    assert [run.status.value for run in (*runs, *later)] == [
        "passed",
        "not_run",
        "passed",
        "not_run",
    ]
    assert runs[1].problem == "the review was stopped while it ran"


def test_nothing_of_a_command_goes_on_after_it(bench: Bench) -> None:
    """Even of one that leaves its group and its environment, where there are walls."""
    reader: list[int] = []

    def make_pipe(directory: Path) -> None:
        os.mkfifo(directory / "fifo")
        reader.append(os.open(directory / "fifo", os.O_RDONLY | os.O_NONBLOCK))

    bench.trees.on_checkout = make_pipe
    clean = "env -i PATH=$PATH " if bench.walls else ""
    leaves = f"{clean}setsid sh -c 'exec 3>fifo; touch ready; sleep 1000' > /dev/null 2>&1 &"
    waits = "until test -e ready; do sleep 0.01; done; echo on my way"
    (run,) = bench.verifier("git_repository = false").run("t", sh(f"{leaves}\n{waits}"))
    assert (run.status, run.output_tail) == (RunStatus.PASSED, "on my way\n")
    (pipe,) = reader
    try:
        assert select.select([pipe], [], [], PATIENCE_SECS)[0]
        assert os.read(pipe, 1) == b""  # Whoever had it open has ended.
    finally:
        os.close(pipe)


def test_a_command_that_takes_away_the_rights_to_clean_up(bench: Bench) -> None:
    hostile = "mkdir -p a/b; touch a/b/c; chmod 0 a/b; chmod 500 a . ..; ln -s / a/root || :"
    (run,) = bench.verifier().run("t", sh(hostile))
    assert run.status is RunStatus.PASSED


REVIEW = """
import sys, time
from pathlib import Path
from agentd.conflicts.git.names import TreeId
from agentd.conflicts.policy.policy import Command, Verification
from agentd.conflicts.checks.verification import Verifier
from agentd.core.clock import SystemClock
class Trees:
    def checkout_tree(self, tree, directory):
        (directory / "file").write_text("x")
verifier = Verifier(
    Trees(), Verification(), scratch=Path(sys.argv[1], "scratch"),
    results=Path(sys.argv[1], "results"), environ={"PATH": sys.argv[2]}, clock=SystemClock(),
    use_bubblewrap=sys.argv[3] == "True",
)
verifier.run("t", [Command(run="(trap '' TERM; touch ready; sleep 1000) & touch ready; wait")])
"""


def interrupted_review(bench: Bench, number: signal.Signals) -> int:
    """Starts a review, ends it with a signal in the middle of a command; its exit code."""
    bench.directory.mkdir()
    arguments = [str(bench.directory), ENVIRON["PATH"], str(bench.walls)]
    review = subprocess.Popen(
        [sys.executable, "-c", REVIEW, *arguments],
        stderr=subprocess.DEVNULL,
        preexec_fn=default_signals,
    )
    try:
        deadline = time.monotonic() + PATIENCE_SECS
        while not any(bench.directory.glob("scratch/*/tree/ready")):
            assert time.monotonic() < deadline
            assert review.poll() is None
            time.sleep(0.01)
        review.send_signal(number)
        return review.wait(PATIENCE_SECS)
    finally:
        review.kill()
        review.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_everything_clean(bench: Bench, number: signal.Signals) -> None:
    code = interrupted_review(bench, number)
    assert code == (-signal.SIGINT if number is signal.SIGINT else 128 + number)
    assert bench.left_behind() == []
    assert bench.processes() == []


def test_what_a_killed_review_left_is_cleared_by_the_next(bench: Bench) -> None:
    assert interrupted_review(bench, signal.SIGKILL) == -signal.SIGKILL
    assert bench.left_behind() != []
    bench.verifier().run("t", sh("true"))
    assert bench.left_behind() == []
    assert bench.processes() == []


def test_a_directory_that_cannot_be_written_is_an_error_and_no_traceback(bare: Bench) -> None:
    bare.directory.write_text("a file is in the way")
    (run,) = bare.verifier().run("t", sh("true"))
    assert run.status is RunStatus.ERROR
    assert run.problem is not None


def test_results_that_cannot_be_kept_do_not_matter(bare: Bench) -> None:
    bare.directory.mkdir()
    (bare.directory / "results").write_text("a file is in the way")
    assert bare.verifier().run("t", sh("true"))[0].status is RunStatus.PASSED
