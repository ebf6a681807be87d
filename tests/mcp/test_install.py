"""The server in the vendors' settings: put in, found again, taken out to the byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agentd.errors import DependencyFailed
from agentd.providers.hook_settings.changes import apply
from agentd.providers.hook_settings.entries import Scope
from agentd.providers.hook_settings.installation import Place
from agentd.providers.mcp_settings import (
    VENDORS,
    ServerCommand,
    is_installed,
    plan_install,
    plan_removal,
)
from tests.cli.conftest import Command, coord
from tests.fakes.patience import PATIENCE_SECS
from tests.mcp.conftest import Connect

__all__ = ["coord"]

COMMAND = ServerCommand("/opt/agentd/bin/agentd-coord", {"AGENTD_HOME": "/srv/agentd"})
JSON_VENDORS = [provider for provider in VENDORS if provider != "codex"]
USER_FILES = {
    "codex": ".codex/config.toml",
    "claude_code": ".claude.json",
    "gemini": ".gemini/settings.json",
    "qwen": ".qwen/settings.json",
    "antigravity": ".gemini/config/mcp_config.json",
}
PROJECT_FILES = {
    "codex": ".codex/config.toml",
    "claude_code": ".mcp.json",
    "gemini": ".gemini/settings.json",
    "qwen": ".qwen/settings.json",
    "antigravity": ".agents/mcp_config.json",
}
JSONS = [
    '{"theme": "dark"}',
    '{\n    // mine\n    "mcpServers": {\n        "o": {"command": "x"} /* keep */\n    },\n}\n',
    '{\n\t"mcpServers": {}\n}',
    "{}\n",
]
TOMLS = [
    'model = "gpt"\n\n[mcp_servers.other]\ncommand = "x"  # mine\n',
    "# nothing but this",
    "",
]


@pytest.fixture(autouse=True)
def elsewhere(environment: dict[str, str]) -> None:
    """Nothing leads to the settings of whoever runs the tests."""
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "GEMINI_CLI_HOME", "QWEN_HOME"):
        environment.pop(name, None)


def place(home: Path) -> Place:
    """A user's, who has no variables set."""
    return Place(home, home / "project", {})


def settings_of(home: Path, provider: str, text: str) -> Path:
    """A user's settings with this text."""
    path = home / USER_FILES[provider]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def entry_of(path: Path) -> dict[str, object]:
    """Our entry."""
    text = path.read_text()
    if path.suffix == ".toml":
        entry: dict[str, object] = tomllib.loads(text)["mcp_servers"]["agentd"]
    else:
        entry = json.loads(text)["mcpServers"]["agentd"]
    return entry


@pytest.mark.parametrize("provider", VENDORS)
def test_for_the_user(coord: Command, directory: Path, provider: str) -> None:
    path = directory / USER_FILES[provider]
    done = coord("mcp", "install", provider)
    assert done.code == 0, done.err
    assert f"wrote {path}" in done.err
    entry = entry_of(path)
    assert entry["args"] == ["mcp", "--provider", provider]
    assert os.path.isabs(str(entry["command"]))
    assert Path(str(entry["command"])).name == "agentd-coord"
    again = coord("mcp", "install", provider)
    assert "installed already" in again.err
    assert f"{provider:<12} user     installed" in coord("mcp", "status").out
    assert coord("mcp", "uninstall", provider).code == 0
    assert not path.exists()
    assert "not installed there" in coord("mcp", "uninstall", provider).err


@pytest.mark.parametrize("provider", VENDORS)
def test_for_a_project_it_is_started_by_its_name(
    coord: Command, directory: Path, shop: object, provider: str
) -> None:
    path = directory / "shop" / PROJECT_FILES[provider]
    assert coord("mcp", "install", provider, "--project", at=directory / "shop" / "shop").code == 0
    assert entry_of(path)["command"] == "agentd-coord"
    assert str(directory) not in path.read_text()
    assert not (directory / USER_FILES[provider]).exists()
    assert coord("mcp", "uninstall", provider, "--project").code == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("provider", "text"),
    [("codex", text) for text in TOMLS]
    + [(provider, text) for provider in JSON_VENDORS for text in JSONS],
)
def test_everything_else_stays_to_the_byte(tmp_path: Path, provider: str, text: str) -> None:
    path = settings_of(tmp_path, provider, text)
    path.chmod(0o600)
    (change,) = plan_install(provider, Scope.USER, place(tmp_path), COMMAND)
    assert path.read_text() == text
    apply(change)
    written = path.read_text()
    assert is_installed(provider, Scope.USER, place(tmp_path))
    assert plan_install(provider, Scope.USER, place(tmp_path), COMMAND) == ()
    for kept in ("// mine", "# mine", "/* keep */", '"theme": "dark"', "# nothing but this"):
        assert (kept in written) is (kept in text)
    assert path.stat().st_mode & 0o777 == 0o600
    (change,) = plan_removal(provider, Scope.USER, place(tmp_path))
    apply(change)
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("provider", "text", "said"),
    [
        ("codex", "[mcp_servers.agentd]\ncommand = 'theirs'\n", "another MCP server"),
        ("gemini", '{"mcpServers": {"agentd": {"url": "http://x"}}}', "another MCP server"),
        ("gemini", '{"mcpServers": []}', "mcpServers is no object"),
        ("qwen", "{", "left alone"),
        ("claude_code", "[]", "the whole is no object"),
        ("codex", "= 3", "left alone"),
        ("antigravity", "mine", "there is no value"),
    ],
)
def test_what_it_cannot_work_with_is_left_alone(
    tmp_path: Path, provider: str, text: str, said: str
) -> None:
    path = settings_of(tmp_path, provider, text)
    with pytest.raises(DependencyFailed, match=said):
        plan_install(provider, Scope.USER, place(tmp_path), COMMAND)
    with pytest.raises(DependencyFailed, match=said):
        plan_removal(provider, Scope.USER, place(tmp_path))
    assert path.read_text() == text


@pytest.mark.parametrize("text", ["", " \r\n", "\ufeff"])
def test_a_file_in_which_nothing_is_written_yet(tmp_path: Path, text: str) -> None:
    path = settings_of(tmp_path, "qwen", text)
    (change,) = plan_install("qwen", Scope.USER, place(tmp_path), COMMAND)
    assert change.before == text
    assert json.loads(str(change.after))["mcpServers"]["agentd"]["command"]
    assert plan_removal("qwen", Scope.USER, place(tmp_path)) == ()
    assert not is_installed("qwen", Scope.USER, place(tmp_path))
    apply(change)
    (back,) = plan_removal("qwen", Scope.USER, place(tmp_path))
    apply(back)
    assert path.read_text() == "{}\n"


def test_status_goes_on_past_a_file_that_cannot_be_read(coord: Command, directory: Path) -> None:
    path = settings_of(directory, "codex", "= 3")
    assert coord("mcp", "install", "qwen").code == 0
    done = coord("mcp", "status")
    assert done.code == 0
    states = [line.split()[0::2][:2] for line in done.out.splitlines() if " user " in line]
    assert ["codex", "unreadable"] in states
    assert ["qwen", "installed"] in states
    assert f"{path} was left alone" in done.err


def test_that_is_said_in_a_message(coord: Command, directory: Path) -> None:
    path = settings_of(directory, "qwen", "{")
    done = coord("mcp", "install", "qwen")
    assert done.code == 1
    assert f"{path} was left alone" in done.err
    assert "Traceback" not in done.err


def test_a_dry_run_shows_the_difference(coord: Command, directory: Path) -> None:
    path = settings_of(directory, "gemini", "{}\n")
    assert '+{"mcpServers"' in coord("mcp", "install", "gemini", "--dry-run").out
    assert path.read_text() == "{}\n"


def test_an_older_entry_of_ours_is_brought_up_to_date(coord: Command, directory: Path) -> None:
    path = directory / USER_FILES["gemini"]
    path.parent.mkdir(parents=True)
    path.write_text('{"mcpServers": {"agentd": {"command": "/old/agentd-coord", "args": ["mcp"]}}}')
    assert coord("mcp", "install", "gemini").code == 0
    assert entry_of(path)["args"] == ["mcp", "--provider", "gemini"]


def test_another_home_and_other_names(coord: Command, directory: Path) -> None:
    codex_home = directory / "elsewhere"
    codex_home.mkdir()
    moved = {"CODEX_HOME": str(codex_home), "AGENTD_SOCKET_PATH": "/run/agentd.sock"}
    assert coord("mcp", "install", "codex", **moved).code == 0
    entry = entry_of(codex_home / "config.toml")
    # The tests' home is not the usual one.
    assert entry["env"] == {
        "AGENTD_HOME": str(directory / "home"),
        "AGENTD_SOCKET_PATH": "/run/agentd.sock",
    }
    assert coord("mcp", "install", "claude").code == 0
    assert (directory / ".claude.json").exists()
    unknown = coord("mcp", "install", "nobody")
    assert unknown.code == 2
    assert "codex, claude_code, gemini" in unknown.err


async def test_a_variable_that_nobody_set_is_as_good_as_none(
    connect: Connect, daemon: object
) -> None:
    """Some programs hand `$NAME` on where there is no NAME."""
    names = ("AGENTD_SESSION_ID", "AGENTD_PROVIDER", "AGENTD_SOCKET", "AGENTD_WORKTREE")
    async with connect("gemini-cli", **{name: f"${name}" for name in names}) as tools:
        await tools("lock_acquire", resource="a", intent="x")
        (lock,) = (await tools("locks_list"))["locks"]
    assert lock["provider"] == "gemini"


def test_what_is_installed_can_be_started(
    coord: Command, directory: Path, environment: dict[str, str]
) -> None:
    program = Path(sys.executable).with_name("agentd-coord")
    if not program.exists():
        pytest.skip("agentd is not installed as a program in this environment")
    coord("mcp", "install", "claude_code")
    entry = json.loads((directory / ".claude.json").read_text())["mcpServers"]["agentd"]
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "claude-code", "version": "1"},
        },
    }
    done = subprocess.run(
        [entry["command"], *entry["args"]],
        env=environment,
        cwd=directory,
        input=json.dumps(hello) + "\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECS,
    )
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "agentd"
