"""Which of environment, env file and default counts, and what a wrong one is told."""

from __future__ import annotations

import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from agentd.errors import AgentdError, InvalidParams, Unavailable
from agentd.settings import VARIABLES, load_settings, read_settings


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A process environment with nothing of agentd's but a home."""
    for variable in VARIABLES.values():
        for name in variable.names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AGENTD_HOME", str(tmp_path))
    return monkeypatch


def test_a_user_without_a_home_directory_is_told_to_name_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(Unavailable) as caught:
        read_settings({})
    assert caught.value.reason == "home_unusable"
    assert "AGENTD_HOME" in caught.value.hint
    assert read_settings({"AGENTD_HOME": "/h"}).database_path == Path("/h/agent_state.db")


def test_everything_lies_in_the_home_unless_told_otherwise() -> None:
    settings = read_settings({"AGENTD_DIR": "/h"})
    assert settings.home == Path("/h")
    assert settings.env_file == Path("/h/.env")
    assert settings.database_path == Path("/h/agent_state.db")
    assert settings.socket_path == Path("/h/agentd.sock")
    elsewhere = read_settings(
        {"AGENTD_HOME": "/h", "AGENTD_DATABASE_URL": "sqlite://~/x.db?mode=rwc"}
    )
    assert elsewhere.database_path == Path.home() / "x.db"


def test_the_defaults_are_what_the_first_agentd_had() -> None:
    settings = read_settings({})
    assert settings.home == Path.home() / ".agentd"
    assert (settings.node_timeout_secs, settings.context_event_limit) == (300, 50)
    assert settings.log == "agentd=info"


@pytest.mark.parametrize(
    ("in_file", "in_environment", "expected"),
    [
        ("AGENTD_LOG=warn", {}, "warn"),
        ("AGENTD_LOG=warn", {"AGENTD_LOG": "debug"}, "debug"),
        ("AGENTD_LOG=warn", {"RUST_LOG": "debug"}, "debug"),
        ("RUST_LOG=warn", {"AGENTD_LOG": ""}, "warn"),
        ('export AGENTD_LOG="warn" # loud enough', {}, "warn"),
        ("# AGENTD_LOG=warn", {}, "agentd=info"),
        ("AGENTD_LOG=", {}, "agentd=info"),
    ],
)
def test_the_environment_counts_before_the_env_file(
    tmp_path: Path,
    environment: pytest.MonkeyPatch,
    in_file: str,
    in_environment: dict[str, str],
    expected: str,
) -> None:
    (tmp_path / ".env").write_text(in_file + "\n")
    for name, value in in_environment.items():
        environment.setenv(name, value)
    assert load_settings().log == expected


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("AGENTD_NODE_TIMEOUT_SECS", "0", "a whole number, 1 to 604,800"),
        ("AGENTD_NODE_TIMEOUT_SECS", "1.5", "a whole number, 1 to 604,800"),
        ("AGENTD_MAX_CONNECTIONS", "none", "a whole number, 1 or more"),
        ("AGENTD_SWEEP_SECS", "0", "a number, above 0 to 3,600"),
        ("AGENTD_SWEEP_SECS", "nan", "a number, above 0 to 3,600"),
        ("AGENTD_DRAIN_SECS", "601", "a number, 0 to 600"),
        ("AGENTD_LOG_FORMAT", "yaml", "auto, text or json"),
        ("AGENTD_DATABASE_URL", "postgresql://x/y", "sqlite:// and the path of a file"),
        ("AGENTD_DATABASE_URL", "sqlite://", "sqlite:// and the path of a file"),
    ],
)
def test_a_wrong_value_is_named_with_its_rule(name: str, value: str, rule: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        read_settings({name: value})
    assert refused.value.message == f"{name} must be {rule}, not {value!r}"
    assert refused.value.data["path"] == name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"AGENTD_LOG=warn\nnot a setting\n", "line 2 of"),
        (b"\xff\xfe", "it is not UTF-8 text"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_an_env_file_that_cannot_be_read_says_where(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(AgentdError, match=message) as refused:
        load_settings()
    assert str(tmp_path / ".env") in refused.value.message


@pytest.mark.usefixtures("environment")
def test_an_exposed_key_is_refused_and_another_exposed_setting_is_not(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("AGENTD_LOG=warn\nDEEPSEEK_API_KEY=\n")
    file.chmod(0o644)
    assert load_settings().log == "warn"
    file.write_text("SOME_TOKEN=x\n")
    with pytest.raises(AgentdError, match="SOME_TOKEN and can be read by other users"):
        load_settings()


def test_reading_the_settings_takes_no_slow_imports() -> None:
    script = (
        "import sys, agentd.settings as s; s.read_settings({});"
        "print(*{'pydantic', 'asyncio', 'typing_extensions', 'dotenv'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
