"""Putting the guard into hooks of all kinds, and taking it out again."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.cli.demo.project import ShopRepository
from tests.cli.conftest import Command
from tests.guard.conftest import Git

HOOKS = ("pre-commit", "pre-push")


def snapshot(directory: Path) -> dict[str, tuple[bytes, int, str]]:
    """Name, content, mode and link of everything in a directory."""

    def entries() -> Iterator[tuple[str, tuple[bytes, int, str]]]:
        for path in sorted(directory.iterdir()) if directory.exists() else []:
            link = str(path.readlink()) if path.is_symlink() else ""
            yield path.name, (path.read_bytes(), stat.S_IMODE(path.stat().st_mode), link)

    return dict(entries())


def states(coord: Command, *arguments: str, at: Path | None = None) -> list[str]:
    return [hook["state"] for hook in coord("guard", "status", "--json", *arguments, at=at).json()]


@pytest.fixture
def hooks(shop: ShopRepository) -> Path:
    """Where the repository's hooks are."""
    return shop.path / ".git" / "hooks"


def put(path: Path, text: bytes, mode: int = 0o755) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    path.chmod(mode)


def commit(shop: ShopRepository, git: Git, *arguments: str) -> str:
    """The output of a commit."""
    with (shop.path / "README.md").open("a") as file:
        file.write("more\n")
    done = git("commit", "--all", "--message", "more", *arguments)
    assert done.code == 0, done.said
    return done.said


def test_from_nothing_and_back(coord: Command, hooks: Path) -> None:
    before = snapshot(hooks)
    assert states(coord) == ["missing", "missing"]
    assert coord("guard", "status").code == 10
    assert coord("guard", "install").code == 0
    assert states(coord) == ["guarded", "guarded"]
    assert coord("guard", "status").code == 0
    once = snapshot(hooks)
    assert coord("guard", "install").code == 0
    assert snapshot(hooks) == once
    assert coord("guard", "uninstall").code == 0
    assert snapshot(hooks) == before
    assert coord("guard", "uninstall").code == 0
    assert snapshot(hooks) == before


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (b"#!/bin/sh\necho 'mine runs' as $(basename \"$0\")\n", 0o755),
        (b"#!/usr/bin/env bash\nset -eu\necho 'mine runs' as $(basename \"$0\")", 0o700),
        (b"#!/usr/bin/env python3\nprint('mine runs')\n", 0o755),
        (b"echo 'mine runs'\n", 0o755),
    ],
)
def test_a_hook_that_is_there_still_runs(
    coord: Command, shop: ShopRepository, git: Git, hooks: Path, text: bytes, mode: int
) -> None:
    put(hooks / "pre-commit", text, mode)
    before = snapshot(hooks)
    assert coord("guard", "install").code == 0
    said = commit(shop, git)
    assert "NOT guarded by locks" in said
    assert "mine runs" in said
    if b"basename" in text:
        assert "as pre-commit" in said
    assert coord("guard", "install").code == 0
    assert coord("guard", "uninstall").code == 0
    assert snapshot(hooks) == before


def test_a_hook_that_refuses_still_refuses(
    coord: Command, shop: ShopRepository, git: Git, hooks: Path
) -> None:
    put(hooks / "pre-commit", b"#!/bin/sh\nexit 3\n")
    coord("guard", "install")
    shop.write(shop.path, "new", "x")
    git("add", "new")
    assert git("commit", "--message", "x").code != 0


def test_a_hook_that_git_does_not_run_is_not_run_now(
    coord: Command, shop: ShopRepository, git: Git, hooks: Path
) -> None:
    put(hooks / "pre-commit", b"#!/bin/sh\nexit 1\n", 0o644)
    before = snapshot(hooks)
    coord("guard", "install")
    assert "NOT guarded" in commit(shop, git)
    coord("guard", "uninstall")
    assert snapshot(hooks) == before


def test_a_link_into_the_repository_is_not_written_through(
    coord: Command, shop: ShopRepository, git: Git, hooks: Path
) -> None:
    put(shop.path / "scripts" / "check", b"#!/bin/sh\necho 'mine runs'\n")
    shop.commit(shop.path, "A check")
    hooks.mkdir(exist_ok=True)
    (hooks / "pre-commit").symlink_to("../../scripts/check")
    before = snapshot(hooks)
    coord("guard", "install")
    assert git("status", "--porcelain").said == ""
    assert "mine runs" in commit(shop, git)
    coord("guard", "uninstall")
    assert snapshot(hooks) == before


def test_the_rest_of_a_pre_push_hook_reads_what_is_pushed(
    coord: Command, shop: ShopRepository, git: Git, hooks: Path
) -> None:
    script = b'#!/bin/sh\nwhile read local sha remote there; do echo "sees $local $1"; done\n'
    put(hooks / "pre-push", script)
    git("init", "--quiet", "--bare", str(shop.path.parent / "remote.git"))
    git("remote", "add", "origin", str(shop.path.parent / "remote.git"))
    coord("guard", "install")
    done = git("push", "origin", "main", "main:other")
    assert done.code == 0, done.said
    assert done.said.count("sees refs/heads/main origin") == 2
    # Nothing to push: the hook is run with nothing to read.
    assert "sees" not in git("push", "origin", "main").said


def test_what_somebody_changed_meanwhile_stays(coord: Command, hooks: Path) -> None:
    coord("guard", "install")
    path = hooks / "pre-commit"
    path.write_bytes(path.read_bytes() + b"echo added\n")
    coord("guard", "uninstall")
    assert path.read_bytes() == b"#!/bin/sh\necho added\n"


def test_a_script_that_took_the_place_of_a_hook_outlives_the_guard(
    coord: Command, hooks: Path
) -> None:
    put(hooks / "pre-commit", b"#!/usr/bin/env python3\nprint('the first')\n")
    coord("guard", "install")
    put(hooks / "pre-commit", b"#!/bin/sh\necho the second\n")
    before = snapshot(hooks)
    coord("guard", "install")
    listed = coord("guard", "status", "--json").json()
    assert [hook["beside"] for hook in listed] == ["pre-commit", ""]
    coord("guard", "uninstall")
    del before["pre-push"]
    assert snapshot(hooks) == before


def test_a_hook_that_was_moved_aside_is_not_written_over(coord: Command, hooks: Path) -> None:
    put(hooks / "pre-commit", b"#!/usr/bin/env python3\nprint('the first')\n")
    coord("guard", "install")
    put(hooks / "pre-commit", b"#!/usr/bin/env python3\nprint('the second')\n")
    before = snapshot(hooks)
    said = coord("guard", "install")
    assert (said.code, said.err.startswith("error: ")) == (1, True)
    assert "pre-commit.before-agentd is there already: remove the one" in said.err
    assert snapshot(hooks) == before


@pytest.mark.parametrize("command", ["install", "uninstall", "status"])
def test_what_cannot_be_a_hook_is_named(coord: Command, hooks: Path, command: str) -> None:
    (hooks / "pre-commit").mkdir(parents=True)
    said = coord("guard", command)
    assert said.code == 1
    assert said.err.startswith(f"error: {hooks / 'pre-commit'}: Is a directory\nhint: ")


def test_another_policy_takes_the_place_of_the_first(coord: Command, hooks: Path) -> None:
    coord("guard", "install", AGENTD_GUARD_POLICY="strict")
    assert states(coord) == ["outdated", "outdated"]
    assert b"--policy strict" in (hooks / "pre-commit").read_bytes()
    coord("guard", "install")
    assert states(coord) == ["guarded", "guarded"]
    assert coord("guard", "install", AGENTD_GUARD_POLICY="open").code == 1


def test_all_worktrees_have_the_same_hooks(
    coord: Command, shop: ShopRepository, git: Git, directory: Path
) -> None:
    worktree = directory / "linked"
    shop.add_worktree(worktree)
    assert coord("guard", "install", at=worktree / "shop").code == 0
    assert states(coord) == ["guarded", "guarded"]
    assert states(coord, "--repo", str(worktree), at=directory) == ["guarded", "guarded"]


class TestHooksElsewhere:
    def test_generated_ones_in_an_ignored_directory(
        self, coord: Command, shop: ShopRepository, git: Git
    ) -> None:
        """As husky has them: it looks at the name under which its hook was called."""
        generated = shop.path / ".husky" / "_"
        put(generated / ".gitignore", b"*")
        put(generated / "h", b'n=$(basename "$0")\nsh -e "$(dirname "$(dirname "$0")")/$n" "$@"\n')
        put(generated / "pre-commit", b'#!/usr/bin/env sh\n. "$(dirname "$0")/h"\n')
        put(shop.path / ".husky" / "pre-commit", b"echo 'mine runs'\n")
        shop.commit(shop.path, "Hooks")
        git("config", "core.hooksPath", ".husky/_")
        before = snapshot(generated)
        worktree = shop.path / "shop"
        assert coord("guard", "install", at=worktree).code == 0
        assert git("status", "--porcelain").said == ""
        said = commit(shop, git)
        assert "NOT guarded" in said
        assert "mine runs" in said
        assert states(coord) == ["guarded", "guarded"]
        coord("guard", "uninstall")
        assert snapshot(generated) == before

    def test_files_of_the_repository_are_left_alone(
        self, coord: Command, shop: ShopRepository, git: Git
    ) -> None:
        put(shop.path / ".githooks" / "pre-commit", b"#!/bin/sh\n")
        shop.commit(shop.path, "Hooks")
        git("config", "core.hooksPath", ".githooks")
        done = coord("guard", "install")
        assert done.code == 1
        assert "files of the repository itself" in done.err
        assert 'agentd-guard pre-commit -- "$@"' in done.err
        assert git("status", "--porcelain").said == ""

    def test_everybodys_only_when_asked(
        self, coord: Command, shop: ShopRepository, git: Git, directory: Path
    ) -> None:
        everybodys = directory / "hooks"
        everybodys.mkdir()
        git("config", "core.hooksPath", str(everybodys))
        done = coord("guard", "install")
        assert done.code == 2
        assert "--shared" in done.err
        assert snapshot(everybodys) == {}
        assert coord("guard", "install", "--shared").code == 0
        assert "NOT guarded" in commit(shop, git)
        assert coord("guard", "uninstall", "--shared").code == 0
        assert snapshot(everybodys) == {}


def test_no_repository(coord: Command, directory: Path) -> None:
    for command in ("install", "uninstall", "status"):
        done = coord("guard", command, at=directory)
        assert done.code == 1
        assert "--repo" in done.err
        assert "Traceback" not in done.err


def test_an_agentd_that_is_gone_is_told_and_stops_nobody(
    coord: Command, shop: ShopRepository, git: Git, hooks: Path
) -> None:
    coord("guard", "install")
    path = hooks / "pre-commit"
    path.write_bytes(path.read_bytes().replace(os.fsencode("/guard/"), b"/gone/"))
    assert "is gone, so nothing is guarded" in commit(shop, git)


def test_json(coord: Command, hooks: Path) -> None:
    put(hooks / "pre-push", b"#!/usr/bin/env python3\n")
    answer = json.loads(coord("guard", "install", "--json").out)
    assert answer[1] == {
        "hook": "pre-push",
        "path": str(hooks / "pre-push"),
        "state": "guarded",
        "beside": "pre-push.before-agentd",
    }
