"""`agentd-coord watch|check`: exit codes, what a script reads, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentd.cli.demo.project import ShopRepository
from agentd.client.autostart import StartedDaemon
from tests.cli.conftest import PRICING, SHIPPING, Command
from tests.fakes.patience import PATIENCE_SECS
from tests.fakes.signals import default_signals

INTERRUPTED = 130


@pytest.fixture
def agents(shop: ShopRepository, directory: Path) -> tuple[Path, Path]:
    """Two worktrees; the first has an uncommitted change."""
    worktrees = (directory / "worktrees" / "codex", directory / "worktrees" / "agy")
    for worktree in worktrees:
        shop.add_worktree(worktree)
    shop.replace(worktrees[0], PRICING, SHIPPING, "    return 0\n")
    return worktrees


def lock(daemon: StartedDaemon, key: str, owner: str, **options: Any) -> None:
    with daemon.client() as client:
        assert client.acquire_resource_lock(resource_key=key, owner=owner, **options) is not None


# watch --once


def test_once_tells_by_its_exit_code_whether_somebody_meets(
    coord: Command, shop: ShopRepository, agents: tuple[Path, Path]
) -> None:
    nobody = coord("watch", "--once")
    assert nobody.code == 0, nobody.err
    assert "Nobody is in anybody's way." in nobody.out
    assert "No daemon answers: worktrees only" in nobody.out
    shop.replace(agents[1], PRICING, SHIPPING, "    return 1\n")
    met = coord("watch", "--once")
    assert met.code == 10
    assert re.search(rf"hot +agy +codex +{PRICING}:13 \(content\)", met.out)
    told = coord("watch", "--once", "--json").json()
    assert told["somebody_meets"]
    assert not told["daemon"]
    names = {each["id"]: each["name"] for each in told["participants"]}
    (meeting,) = told["meetings"]
    assert {names[meeting["left"]], names[meeting["right"]]} == {"codex", "agy"}
    assert meeting["spots"] == [
        {"path": PRICING, "heat": "hot", "kind": "content", "lines": [[13, 13]]}
    ]


@pytest.mark.usefixtures("agents")
def test_locks_and_bundles_of_the_daemon_are_in_the_picture_and_harmless(
    coord: Command, daemon: StartedDaemon
) -> None:
    lock(
        daemon,
        f"file:{PRICING}",
        "evil\x1b]0;owned\x07[bold]",
        metadata={"intent": "\x1b[2Jmend", "touched_paths": [PRICING]},
    )
    ended = coord("watch", "--once")
    assert ended.code == 10
    assert "\x1b" not in ended.out
    assert "\x07" not in ended.out
    assert "evil\\x1b]0;owned\\x07[bold]" in ended.out.replace("\n", "")
    assert "No daemon" not in ended.out


def test_an_unknown_target_is_said(coord: Command) -> None:
    ended = coord("watch", "--once", "--target", "nowhere")
    assert ended.code == 1
    assert "'nowhere' names no commit" in ended.err


# watch, following


@contextmanager
def watching(
    directory: Path, environment: dict[str, str], at: Path, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    temporary = directory / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "agentd.cli.coord", "watch", *arguments],
        cwd=at,
        env={**environment, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=default_signals,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
    assert list(temporary.iterdir()) == [], "something was left behind"


def read_until(process: subprocess.Popen[bytes], wanted: str) -> list[str]:
    """The lines up to one that holds a text."""
    assert process.stdout is not None
    lines: list[str] = []
    deadline = time.monotonic() + PATIENCE_SECS
    buffered = b""
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 1.0)[0]:
            read = os.read(process.stdout.fileno(), 65536)
            assert read, process.stderr.read().decode() if process.stderr else ""
            *whole, buffered = (buffered + read).split(b"\n")
            lines += [line.decode() for line in whole]
            if any(wanted in line for line in lines):
                return lines
    raise AssertionError(f"{wanted!r} was not written; these were: {lines}")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, INTERRUPTED),
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 128 + signal.SIGHUP),
    ],
)
def test_each_change_is_a_line_and_a_signal_ends_it_cleanly(
    directory: Path,
    environment: dict[str, str],
    shop: ShopRepository,
    agents: tuple[Path, Path],
    number: signal.Signals,
    code: int,
) -> None:
    with watching(directory, environment, shop.path) as process:
        begun = read_until(process, "works codex")
        assert any("No daemon answers" in line for line in begun)
        shop.replace(agents[1], PRICING, SHIPPING, "    return 1\n")
        read_until(process, f"hot agy × codex: {PRICING}:13 (content)")
        shop.git("checkout", "--quiet", ".", at=agents[0])
        read_until(process, "parted agy × codex")
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_SECS)
        assert process.returncode == code
        assert b"Traceback" not in err


def test_each_change_is_a_json_document_and_the_journal_is_followed(
    directory: Path,
    environment: dict[str, str],
    shop: ShopRepository,
    agents: tuple[Path, Path],
    daemon: StartedDaemon,
) -> None:
    assert agents[0].is_dir()
    with watching(directory, environment, shop.path, "--json") as process:
        (first,) = map(json.loads, read_until(process, '"change":"picture"'))
        assert first["daemon"]
        assert first["meetings"] == []
        lock(daemon, f"file:{PRICING}", "agy-7", metadata={"intent": "vat"})
        told = [json.loads(line) for line in read_until(process, "trespassed")][-1]
        assert [each["name"] for each in told["who"]] == ["codex"]
        assert told["lock"]["owner"] == "agy-7"
        assert told["paths"] == [PRICING]
        daemon.stop()
        assert json.loads(read_until(process, '"daemon"')[-1])["daemon"] is False
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECS)
        assert process.returncode == INTERRUPTED


def test_on_a_terminal_a_table_is_kept_up_and_the_cursor_given_back(
    directory: Path, environment: dict[str, str], shop: ShopRepository, agents: tuple[Path, Path]
) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 120))
    process = subprocess.Popen(
        [sys.executable, "-m", "agentd.cli.coord", "watch"],
        cwd=shop.path,
        env={**environment, "TERM": "xterm-256color", "TMPDIR": str(directory)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=default_signals,
    )
    os.close(theirs)
    try:
        screen = _read_screen(ours, "Ctrl-C ends it.")
        assert "Nobody is in anybody's way." in screen
        shop.replace(agents[1], PRICING, SHIPPING, "    return 1\n")
        assert "codex" in _read_screen(ours, f"{PRICING}:13 (content)")
        termios.tcsetwinsize(ours, (30, 60))
        os.kill(process.pid, signal.SIGWINCH)
        assert "codex" in _read_screen(ours, "Ctrl-C ends it."), "drawn again for the new window"
        process.send_signal(signal.SIGINT)
        left = _read_screen(ours, "interrupted; nothing was left half done")
        assert "\x1b[?25h" in left
        _, own_screen, stays = left.rpartition("\x1b[?1049l")
        assert own_screen, "the terminal has its own screen back"
        assert f"{PRICING}:13 (content)" in stays
        assert process.wait(PATIENCE_SECS) == INTERRUPTED
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read_screen(terminal: int, wanted: str) -> str:
    text = ""
    deadline = time.monotonic() + PATIENCE_SECS
    while wanted not in text:
        assert time.monotonic() < deadline, text
        if select.select([terminal], [], [], 1.0)[0]:
            text += os.read(terminal, 65536).decode(errors="replace")
    return text


# check


def test_check_answers_with_its_exit_code(
    coord: Command, shop: ShopRepository, agents: tuple[Path, Path]
) -> None:
    codex, agy = agents
    assert coord("check", PRICING, at=codex).code == 0, "only the caller changes it"
    elsewhere = coord("check", PRICING, at=agy)
    assert elsewhere.code == 10
    assert f"codex (worktree) changes {PRICING}" in elsewhere.out
    shop.replace(agy, PRICING, "SHIPPING = 490", "SHIPPING = 500")
    assert coord("check", PRICING, at=agy).code == 10
    shop.replace(agy, PRICING, SHIPPING, "    return 1\n")
    hot = coord("check", str(agy / PRICING))
    assert hot.code == 11, "whoever works around the path is asking"
    assert hot.out.startswith(f"hot {PRICING}\n")
    told = coord("check", "pricing.py", "--json", at=agy / "shop").json()
    assert (told["path"], told["verdict"]) == (PRICING, "hot")
    assert [each["name"] for each in told["others"]] == ["codex"]
    assert told["others"][0]["meeting"]["spots"][0]["lines"] == [[13, 13]]
    assert coord("check", "shop/", at=agy).code == 11
    assert coord("check", ".", at=agy).code == 11
    assert coord("check", "shop/not_there/yet.py", at=agy).code == 0


def test_check_looks_behind_a_link(
    coord: Command, shop: ShopRepository, agents: tuple[Path, Path], directory: Path
) -> None:
    """Who writes through `CLAUDE.md` changes the `AGENTS.md` to which it leads."""
    _, agy = agents
    for name, target in (
        ("link.py", PRICING),
        ("round.py", "round.py"),
        ("out.py", str(directory / "elsewhere.py")),
    ):
        (agy / name).symlink_to(target)
    (directory / "elsewhere.py").touch()
    through = coord("check", "link.py", at=agy)
    assert (through.code, through.out.splitlines()[0]) == (10, f"soft {PRICING}")
    assert coord("check", "round.py", at=agy).code == 0
    assert coord("check", "out.py", at=agy).code == 0


@pytest.mark.parametrize("options", [("--locks",), ()], ids=["locks only", "everything"])
def test_check_sees_locks_and_knows_its_own(
    coord: Command,
    daemon: StartedDaemon,
    shop: ShopRepository,
    directory: Path,
    options: tuple[str, ...],
) -> None:
    agy = directory / "worktrees" / "agy"
    shop.add_worktree(agy)
    lock(daemon, f"file:{PRICING}", "codex-a", provider="openai\x1b[31m")
    lock(daemon, "dir:tests", "reader", mode="shared")
    lock(daemon, "file:README.md", "else", namespace="/another/repository")
    locked = coord("check", PRICING, *options, at=agy)
    assert locked.code == 12
    assert "codex-a (openai\\x1b[31m) holds file:" in locked.out
    assert coord("check", "shop", *options, at=agy).code == 12
    assert coord("check", PRICING, "--owner", "codex-a", *options, at=agy).code == 0
    assert coord("check", PRICING, *options, at=agy, AGENTD_SESSION_ID="codex-a").code == 0
    assert coord("check", "tests/test_shop.py", *options, at=agy).code == 10
    assert coord("check", "README.md", *options, at=agy).code == 0
    told = coord("check", PRICING, "--json", *options, at=agy).json()
    assert told["locks"][0]["mode"] == "exclusive"
    assert told["looked_at_work"] == (not options)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("check", "/etc/hosts"), 2, "/etc/hosts does not lie in"),
        (("check", "../.."), 2, "does not lie in"),
        (("check",), 2, "Missing argument"),
        (("check", "a", "--locks"), 3, "agentd.sock"),
    ],
)
def test_check_says_what_is_wrong(
    coord: Command, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended = coord(*arguments)
    assert ended.code == code, ended.err
    assert said in ended.err


def test_a_bare_repository_has_bundles_but_no_worktree_of_the_caller(
    coord: Command, shop: ShopRepository, directory: Path, daemon: StartedDaemon
) -> None:
    bare = directory / "bare.git"
    shop.git("clone", "--quiet", "--bare", str(shop.path), str(bare))
    shop.git("worktree", "add", "--quiet", "--detach", str(directory / "w"), "main", at=bare)
    shop.replace(directory / "w", PRICING, SHIPPING, "    return 0\n")
    assert coord("check", PRICING, "--repo", str(bare), at=directory).code == 10
    lock(daemon, f"file:{PRICING}", "codex", namespace=str(bare))
    assert coord("check", PRICING, "--repo", str(bare), "--locks", at=directory).code == 12
