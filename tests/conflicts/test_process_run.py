"""Real programs that behave badly: none outlives its run, and its output stays bounded."""

from __future__ import annotations

import hashlib
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentd.conflicts.checks.process_run import (
    MARKER,
    Ending,
    ProcessResult,
    end_marked,
    run_process,
)
from tests.fakes.patience import PATIENCE_SECS


def shell(
    directory: Path,
    script: str,
    *,
    timeout_secs: float = PATIENCE_SECS,
    output_bytes_max: int = 4096,
    cancelled: Callable[[], bool] = lambda: False,
    inherited: tuple[int, ...] = (),
) -> ProcessResult:
    return run_process(
        ["/bin/sh", "-c", script],
        directory=directory,
        environment={"PATH": os.environ["PATH"], MARKER: str(directory)},
        timeout_secs=timeout_secs,
        output_bytes_max=output_bytes_max,
        cancelled=cancelled,
        inherited=inherited,
    )


def python(script: str) -> str:
    return f"exec {sys.executable} -c '{script}'"


@contextmanager
def watched() -> Iterator[tuple[int, Callable[[], bool]]]:
    """A pipe's end to inherit, and whether all who inherited it have ended."""
    reading, writing = os.pipe()

    def all_ended() -> bool:
        nonlocal writing
        if writing >= 0:
            os.close(writing)
            writing = -1
        ready, _, _ = select.select([reading], [], [], PATIENCE_SECS)
        return bool(ready) and os.read(reading, 1) == b""

    try:
        yield writing, all_ended
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("no-such-program-here", 127)],
)
def test_exit_codes_are_those_of_a_shell(tmp_path: Path, script: str, code: int) -> None:
    result = shell(tmp_path, script)
    assert (result.ending, result.exit_code) == (Ending.ITSELF, code)


def test_both_outputs_are_kept_in_order_and_there_is_no_input(tmp_path: Path) -> None:
    result = shell(tmp_path, "echo one; echo two >&2; cat; echo three")
    assert result.output_tail == "one\ntwo\nthree\n"
    assert result.output_sha256 == hashlib.sha256(b"one\ntwo\nthree\n").hexdigest()
    assert result.output_bytes == 14


def test_a_flood_is_read_to_the_end_and_its_tail_is_kept(tmp_path: Path) -> None:
    size = 30_000_000
    flood = 'import sys\nfor _ in range(300): sys.stdout.write("x" * 100000)\nprint("end")'
    result = shell(tmp_path, python(flood), output_bytes_max=1000)
    assert result.exit_code == 0
    assert result.output_bytes == size + 4
    assert result.output_tail == "x" * 996 + "end\n"
    assert result.output_sha256 == hashlib.sha256(b"x" * size + b"end\n").hexdigest()


@pytest.mark.parametrize("tail_bytes", [256, 257, 258, 259])
def test_the_cut_leaves_no_half_character(tmp_path: Path, tail_bytes: int) -> None:
    text = 'import sys\nsys.stdout.buffer.write("\\U0001F40D".encode() * 1000)'
    result = shell(tmp_path, python(text), output_bytes_max=tail_bytes)
    assert set(result.output_tail) == {"\U0001f40d"}


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    text = 'import sys\nsys.stdout.buffer.write(b"a\\xff\\xfe\\x00b\\xc3")'
    result = shell(tmp_path, python(text))
    assert result.output_tail == "a\ufffd\ufffd\x00b\ufffd"
    assert result.output_sha256 == hashlib.sha256(b"a\xff\xfe\x00b\xc3").hexdigest()


def test_an_output_closed_early_is_not_the_end(tmp_path: Path) -> None:
    result = shell(tmp_path, "echo before; exec >&- 2>&-; sleep 0.1; exit 7")
    assert (result.exit_code, result.output_tail) == (7, "before\n")


def test_a_timeout_ends_it(tmp_path: Path) -> None:
    result = shell(tmp_path, "echo working; sleep 1000", timeout_secs=0.3)
    assert result.ending is Ending.TIMEOUT
    assert result.exit_code == 143


def test_what_ignores_the_request_is_made_to_end(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with watched() as (inherited, all_ended):
        result = shell(
            tmp_path,
            "trap '' TERM INT HUP; touch ready; while :; do sleep 0.05; done",
            cancelled=ready.exists,
            inherited=(inherited,),
        )
        assert (result.ending, result.exit_code) == (Ending.CANCELLED, 137)
        assert all_ended()


def test_what_cleans_up_when_asked_to_end_has_the_time(tmp_path: Path) -> None:
    script = "trap 'echo cleaned; exit 5' TERM; touch ready; while :; do sleep 0.05; done"
    result = shell(tmp_path, script, cancelled=(tmp_path / "ready").exists)
    assert (result.ending, result.exit_code) == (Ending.CANCELLED, 5)
    assert result.output_tail.endswith("cleaned\n")


DAEMON = "setsid sh -c 'exec >&- 2>&-; touch ready; sleep 1000' &"
"""A grandchild that leaves the process group; its environment still has the marker."""


@pytest.mark.parametrize(
    "script",
    [
        "(touch ready; sleep 1000) &",
        "sh -c 'sh -c \"touch ready; sleep 1000\" & exit' &",
        "(trap '' TERM HUP; touch ready; sleep 1000) &",
        pytest.param(
            DAEMON,
            marks=pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc"),
        ),
    ],
    ids=["holds the output open", "orphan", "deaf", "own session"],
)
def test_no_process_outlives_the_program(tmp_path: Path, script: str) -> None:
    with watched() as (inherited, all_ended):
        waits = f"{script}\nuntil test -e ready; do sleep 0.01; done; echo done"
        result = shell(tmp_path, waits, inherited=(inherited,))
        assert (result.ending, result.exit_code) == (Ending.ITSELF, 0)
        assert result.output_tail == "done\n"
        assert all_ended()


def test_a_program_that_forks_all_the_time_is_ended_with_all_its_children(tmp_path: Path) -> None:
    bomb = "i=0; while test $i -lt 60; do (sleep 1000) & i=$((i+1)); done; touch ready; wait"
    with watched() as (inherited, all_ended):
        result = shell(
            tmp_path,
            f"sh -c '{bomb}' & sh -c 'setsid sh -c \"{bomb}\"' & wait",
            cancelled=(tmp_path / "ready").exists,
            inherited=(inherited,),
        )
        assert result.ending is Ending.CANCELLED
        assert all_ended()


def test_an_exception_in_between_ends_it_too(tmp_path: Path) -> None:
    def interrupted() -> bool:
        if (tmp_path / "ready").exists():
            raise KeyboardInterrupt
        return False

    with watched() as (inherited, all_ended):
        script = "touch ready; sleep 1000"
        with pytest.raises(KeyboardInterrupt):
            shell(tmp_path, script, cancelled=interrupted, inherited=(inherited,))
        assert all_ended()


def test_a_program_that_cannot_be_started_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_process(
            [str(tmp_path / "nothing")],
            directory=tmp_path,
            environment={},
            timeout_secs=1,
            output_bytes_max=1,
        )


def test_only_marked_processes_are_ended(tmp_path: Path) -> None:
    other = tmp_path / "run-1"
    other.mkdir()
    ready = tmp_path / "ready"

    def sweeps() -> bool:
        if ready.exists():
            end_marked(str(other))
        return False

    script = "touch ready; sleep 0.2; exit 4"
    assert shell(tmp_path, script, cancelled=sweeps).exit_code == 4
