"""`agentd-coord hooks` on files: what is written, what is left alone, what is said."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentd.paths import Home
from agentd.providers.hook_settings.entries import VENDORS
from agentd.providers.hook_settings.turns import turn
from tests.cli.conftest import Command
from tests.conflicts.repo_builder import Repo

FILES = {
    "codex": ".codex/hooks.json",
    "claude_code": ".claude/settings.json",
    "gemini": ".gemini/settings.json",
    "qwen": ".qwen/settings.json",
    "antigravity": ".gemini/config/hooks.json",
}
SETTINGS = """{
    // mine
    "model": "big",
    "hooks": {
        "PreToolUse": [
            {"matcher": "Bash", "hooks": [{"type": "command", "command": "lint"}]} // keep
        ]
    }
}
"""


@pytest.mark.parametrize("provider", VENDORS)
def test_install_and_uninstall(provider: str, coord: Command, directory: Path) -> None:
    path = directory / FILES[provider]
    path.parent.mkdir(parents=True)
    path.write_text(SETTINGS)
    config = directory / ".codex" / "config.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text('model = "x" # mine')
    done = coord("hooks", "install", provider, at=directory)
    assert done.code == 0, done.err
    assert str(path) in done.err
    text = path.read_text()
    assert text.startswith('{\n    // mine\n    "model": "big",')
    assert f"__main__.py {provider} --policy=guarded" in text
    assert f"--home={directory / 'home'}" in text
    states = {
        each["provider"]: each["state"]
        for each in coord("hooks", "status", "--json", at=directory).json()
        if each["scope"] == "user"
    }
    assert states == {**dict.fromkeys(VENDORS, "absent"), provider: "installed"}
    [alone] = coord("hooks", "status", provider, "--json", at=directory).json()
    assert (alone["provider"], alone["state"]) == (provider, "installed")
    again = coord("hooks", "install", provider, at=directory)
    assert (again.code, path.read_text()) == (0, text)
    assert "installed already" in again.err
    assert coord("hooks", "uninstall", provider, at=directory).code == 0
    assert path.read_text() == SETTINGS
    assert config.read_text() == 'model = "x" # mine'
    assert "not installed" in coord("hooks", "uninstall", provider, at=directory).err


def test_a_file_that_is_made_goes_away_again(coord: Command, directory: Path) -> None:
    coord("hooks", "install", "codex", at=directory)
    assert json.loads((directory / ".codex/hooks.json").read_text()).keys() == {"hooks"}
    assert "trusted_hash" in (directory / ".codex/config.toml").read_text()
    coord("hooks", "uninstall", "codex", at=directory)
    assert list((directory / ".codex").iterdir()) == []


def test_project_settings(coord: Command, directory: Path) -> None:
    repo = Repo.create(directory / "shop", directory / "user", {"a.py": "1\n"})
    (repo.path / "sub").mkdir()
    done = coord("hooks", "install", "claude", "--project", at=repo.path / "sub")
    assert done.code == 0, done.err
    assert (repo.path / ".claude" / "settings.json").exists()
    assert not (directory / ".claude").exists()
    nowhere = coord("hooks", "install", "claude", "--project", at=directory)
    assert nowhere.code == 2
    assert "in no git repository" in nowhere.err


def test_a_dry_run_shows_the_change_and_makes_none(coord: Command, directory: Path) -> None:
    path = directory / FILES["gemini"]
    path.parent.mkdir()
    path.write_text('{\n  "a": 1\n}\n')
    shown = coord("hooks", "install", "gemini", "--dry-run", at=directory)
    assert shown.code == 0
    assert f"--- {path}" in shown.out
    assert '+    "BeforeTool": [' in shown.out
    assert path.read_text() == '{\n  "a": 1\n}\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "line 1"),
        (b"mine", "there is no value"),
        (b'{"hooks": 1}', "hooks is no object"),
        (b"\xff\xfe{}", "not UTF-8"),
    ],
)
def test_settings_that_cannot_be_read_are_left_alone(
    text: bytes, why: str, coord: Command, directory: Path
) -> None:
    path = directory / FILES["qwen"]
    path.parent.mkdir()
    path.write_bytes(text)
    for action in ("install", "uninstall"):
        done = coord("hooks", action, "qwen", at=directory)
        assert done.code == 1
        assert "was left alone" in done.err
        assert why in done.err
    assert path.read_bytes() == text
    [state] = [
        each
        for each in coord("hooks", "status", "--json", at=directory).json()
        if (each["provider"], each["scope"]) == ("qwen", "user")
    ]
    assert state["state"] == "unreadable"


def test_codex_settings_that_cannot_be_read_keep_the_hook_out(
    coord: Command, directory: Path
) -> None:
    config = directory / ".codex" / "config.toml"
    config.parent.mkdir()
    config.write_text("model = \n")
    done = coord("hooks", "install", "codex", at=directory)
    assert done.code == 1
    assert str(config) in done.err
    assert [each.name for each in config.parent.iterdir()] == ["config.toml"]


def test_mode_and_links_stay(coord: Command, directory: Path) -> None:
    real = directory / "dotfiles" / "claude.json"
    real.parent.mkdir()
    real.write_text("{}\n")
    real.chmod(0o640)
    link = directory / FILES["claude_code"]
    link.parent.mkdir()
    link.symlink_to(real)
    assert coord("hooks", "install", "claude_code", at=directory).code == 0
    assert link.is_symlink()
    assert "agentd" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [each.name for each in real.parent.iterdir()] == ["claude.json"]
    coord("hooks", "uninstall", "claude_code", at=directory)
    assert real.read_text() == "{}\n"
    assert link.is_symlink()


def test_the_vendors_variables_move_the_files(
    coord: Command, directory: Path, environment: dict[str, str]
) -> None:
    environment |= {
        "CLAUDE_CONFIG_DIR": str(directory / "c"),
        "CODEX_HOME": str(directory / "x"),
        "GEMINI_CLI_HOME": str(directory / "g"),
        "QWEN_HOME": str(directory / "q"),
    }
    for provider in ("claude_code", "codex", "gemini", "qwen"):
        assert coord("hooks", "install", provider, at=directory).code == 0
    found = {str(each.relative_to(directory)) for each in directory.rglob("*.json")}
    assert found == {
        "c/settings.json",
        "x/hooks.json",
        "g/.gemini/settings.json",
        "q/settings.json",
    }
    key = f"{os.path.realpath(directory / 'x' / 'hooks.json')}:pre_tool_use:0:0"
    assert key in (directory / "x" / "config.toml").read_text()


def test_another_configuration_makes_a_hook_outdated(
    coord: Command, directory: Path, environment: dict[str, str]
) -> None:
    coord("hooks", "install", "codex", at=directory)
    environment["AGENTD_HOOK_POLICY"] = "advisory"
    states = [each["state"] for each in coord("hooks", "status", "--json", at=directory).json()]
    assert states.count("outdated") == 1
    coord("hooks", "install", "codex", at=directory)
    text = (directory / ".codex/hooks.json").read_text()
    assert "--policy=advisory" in text
    assert "exit 2" not in text, "advice stops nothing"
    config = (directory / ".codex/config.toml").read_text()
    assert config.count("trusted_hash") == 4, "the trust in the former hooks is gone"
    states = [each["state"] for each in coord("hooks", "status", "--json", at=directory).json()]
    assert states.count("installed") == 1


def test_a_hook_that_codex_would_skip_is_untrusted(coord: Command, directory: Path) -> None:
    coord("hooks", "install", "codex", at=directory)
    (directory / ".codex/config.toml").unlink()
    found = coord("hooks", "status", "--json", at=directory).json()[0]
    assert found["state"] == "untrusted"
    assert "does not trust" in found["detail"]
    assert coord("hooks", "install", "codex", at=directory).code == 0
    assert coord("hooks", "status", "--json", at=directory).json()[0]["state"] == "installed"


@pytest.mark.parametrize("provider", ["codex", "claude_code", "antigravity"])
def test_a_file_in_which_nothing_is_written_yet(
    coord: Command, directory: Path, provider: str
) -> None:
    path = directory / FILES[provider]
    path.parent.mkdir(parents=True)
    path.write_text("\n")
    assert "not installed there" in coord("hooks", "uninstall", provider, at=directory).err
    assert path.read_text() == "\n"
    done = coord("hooks", "install", provider, at=directory)
    assert done.code == 0, done.err
    (found,) = coord("hooks", "status", provider, "--json", at=directory).json()
    assert found["state"] == "installed"
    assert coord("hooks", "uninstall", provider, at=directory).code == 0
    assert path.read_text() == "{}\n"


def test_a_file_that_nobody_may_write_is_left_alone(coord: Command, directory: Path) -> None:
    path = directory / FILES["qwen"]
    path.parent.mkdir(parents=True)
    path.write_text(SETTINGS)
    path.chmod(0o444)
    done = coord("hooks", "install", "qwen", at=directory)
    assert done.code == 1
    assert f"{path} was left alone: nobody may write to it, by its mode" in done.err
    assert path.read_text() == SETTINGS


def test_an_unknown_provider_is_named(coord: Command, directory: Path) -> None:
    done = coord("hooks", "install", "copilot", at=directory)
    assert done.code == 2
    assert "codex, claude_code" in done.err


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="sees by /proc who waits")
def test_who_installs_waits_for_others_and_keeps_what_they_wrote(
    directory: Path, environment: dict[str, str]
) -> None:
    path = directory / FILES["qwen"]
    home = Home(directory / "home")
    with turn(home):
        waiting = [
            subprocess.Popen(
                [sys.executable, "-m", "agentd.cli.coord", *words, "install", "qwen"],
                cwd=directory,
                env=environment,
            )
            for words in (("hooks",), ("mcp",))
        ]
        for process in waiting:
            while not has_open(process.pid, home.settings_lock_file):
                assert process.poll() is None, "it did not wait"
                time.sleep(0.01)
        path.parent.mkdir(parents=True)
        path.write_text(SETTINGS)
    assert [process.wait() for process in waiting] == [0, 0]
    text = path.read_text()
    assert text.startswith('{\n    // mine\n    "model": "big",')
    assert "__main__.py qwen --policy=guarded" in text
    assert '"mcpServers"' in text


def has_open(pid: int, path: Path) -> bool:
    """Whether a process has a file open."""
    try:
        return any(os.path.samefile(fd, path) for fd in Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:  # The file is not there yet, or one was closed meanwhile.
        return False
