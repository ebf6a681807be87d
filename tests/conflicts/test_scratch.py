"""Scratch directories: gone afterwards, whatever happened in them or to their process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agentd.conflicts.checks.scratch import ends_as_exceptions, scratch_directory, sweep


def nothing(_: Path) -> None:
    """There are no processes to end."""


def test_it_is_private_and_removed(tmp_path: Path) -> None:
    with scratch_directory(tmp_path / "s", nothing) as directory:
        (directory / "file").write_text("x")
        assert directory.stat().st_mode & 0o777 == 0o700
        assert sweep(tmp_path / "s", nothing) == 0  # In use.
        assert directory.exists()
    assert list((tmp_path / "s").iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_it_is_removed_on_any_exception(tmp_path: Path, error: type[BaseException]) -> None:
    ended: list[Path] = []
    with pytest.raises(error), scratch_directory(tmp_path, ended.append) as directory:
        raise error
    assert ended == [directory]
    assert list(tmp_path.iterdir()) == []


def test_it_is_removed_with_what_has_no_rights_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    with scratch_directory(tmp_path / "s", nothing) as directory:
        (directory / "a/b").mkdir(parents=True)
        (directory / "a/b/file").write_text("x")
        (directory / "link").symlink_to(outside)
        (directory / "a/dangling").symlink_to("nowhere")
        (directory / "a/b").chmod(0)
        (directory / "a").chmod(0o500)
        directory.chmod(0o500)
    assert list((tmp_path / "s").iterdir()) == []
    assert (outside / "kept").exists()


def test_it_may_be_gone_already(tmp_path: Path) -> None:
    with scratch_directory(tmp_path, nothing) as directory:
        directory.rmdir()
    assert list(tmp_path.iterdir()) == []


DIES = """
import os, sys
from pathlib import Path
from agentd.conflicts.checks.scratch import scratch_directory
with scratch_directory(Path(sys.argv[1]), lambda _: None) as directory:
    (directory / "file").write_text("x")
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
    (stale,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    ended: list[Path] = []
    with scratch_directory(tmp_path, nothing) as used:
        assert sweep(tmp_path, ended.append) == 1
        assert used.exists()
    assert ended == [stale]
    assert list(tmp_path.iterdir()) == []
    assert sweep(tmp_path / "never-made", nothing) == 0


def test_what_cannot_be_removed_is_left_for_the_next_sweep(tmp_path: Path) -> None:
    def refuses(_: Path) -> None:
        raise PermissionError("not yours")

    with scratch_directory(tmp_path, refuses) as directory:
        pass
    assert directory.exists()
    assert sweep(tmp_path, nothing) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_signal_becomes_an_exception_and_the_handler_goes_again(tmp_path: Path) -> None:
    with (
        pytest.raises(SystemExit) as caught,
        ends_as_exceptions((signal.SIGTERM,)),
        scratch_directory(tmp_path, nothing),
    ):
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == 143
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_somebody_elses_handler_stays() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        with ends_as_exceptions((signal.SIGTERM,)):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]


def test_other_threads_leave_the_handlers_alone() -> None:
    within: list[object] = []

    def run() -> None:
        with ends_as_exceptions((signal.SIGTERM,)):
            within.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert within == [signal.SIG_DFL]
