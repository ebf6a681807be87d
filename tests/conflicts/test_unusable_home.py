"""A home in which no quarantine can be made is an error with a reason, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agentd.conflicts.bundles.collect import from_branch
from agentd.errors import AgentdError
from tests.conflicts.repo_builder import FileContent, Repo

MakeRepo = Callable[[Mapping[str, FileContent]], Repo]


@pytest.fixture
def repo(make_repo: MakeRepo) -> Repo:
    made = make_repo({"a.txt": "a\n"})
    made.branch("one", {"b.txt": "b\n"})
    return made


def refusal(repo: Repo) -> AgentdError:
    with pytest.raises(AgentdError) as refused:
        repo.review(from_branch("one"))
    return refused.value


def test_a_file_where_the_home_should_be(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    repo.home = tmp_path / "file" / ".agentd"
    error = refusal(repo)
    assert error.reason == "home_unusable"
    assert "Not a directory" in error.message
    assert error.data["path"].startswith(str(repo.home))
    assert "AGENTD_HOME" in error.hint


def test_a_file_where_the_quarantine_should_be(repo: Repo) -> None:
    repo.home.mkdir()
    (repo.home / "quarantine").write_text("")
    assert refusal(repo).reason == "home_unusable"


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is forbidden to root")
@pytest.mark.parametrize("made_before", [False, True])
def test_a_home_that_cannot_be_written(repo: Repo, made_before: bool) -> None:
    repo.home.mkdir()
    if made_before:
        repo.review(from_branch("one"))
    closed = [repo.home, *(path for path in repo.home.rglob("*") if path.is_dir())]
    for directory in closed:
        directory.chmod(0o500)
    try:
        assert refusal(repo).reason == "home_unusable"
    finally:
        for directory in closed:
            directory.chmod(0o700)


@pytest.mark.skipif(not Path("/proc/1").is_dir(), reason="there is no /proc")
@pytest.mark.parametrize("command", [["review", "--branch", "one"], ["review", "--replay", "0"]])
def test_the_command_says_it_in_a_sentence(repo: Repo, command: list[str]) -> None:
    """Not even root makes a directory below /proc."""
    ended = subprocess.run(
        [sys.executable, "-m", "agentd.cli.coord", *command],
        cwd=repo.path,
        env={"PATH": os.environ["PATH"], "HOME": "/proc/1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "cannot be made or written" in ended.stderr
    assert "AGENTD_HOME" in ended.stderr
    assert "Traceback" not in ended.stderr
