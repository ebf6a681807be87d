"""What counts: the environment, then the command line, then the defaults."""

from __future__ import annotations

import os

import pytest

from agentd.hook.options import LOCK_SECS_DEFAULT, BadUsage, Policy, read_options
from agentd.settings import VARIABLES, read_settings


def test_defaults() -> None:
    options = read_options(["codex"], {})
    assert options.dialect.name == "codex"
    assert options.policy is Policy.GUARDED
    assert options.home == os.path.expanduser("~/.agentd")
    assert options.socket == os.path.expanduser("~/.agentd/agentd.sock")
    assert options.lock_secs == LOCK_SECS_DEFAULT


def test_the_command_line_then_the_environment() -> None:
    line = ["qwen", "--policy", "strict", "--home=/h", "--socket", "/s", "--lock-secs", "60"]
    options = read_options(line, {})
    assert (options.policy, options.home, options.socket) == (Policy.STRICT, "/h", "/s")
    assert options.lock_secs == 60
    environment = {
        "AGENTD_HOOK_POLICY": "advisory",
        "AGENTD_DIR": "/d",
        "AGENTD_SOCKET_PATH": "/p",
        "AGENTD_HOOK_LOCK_SECS": "5",
    }
    options = read_options(line, environment)
    assert (options.policy, options.home, options.socket) == (Policy.ADVISORY, "/d", "/p")
    assert options.lock_secs == 5
    # A supervised session's daemon counts most.
    assert read_options(line, {**environment, "AGENTD_SOCKET": "/run"}).socket == "/run"


def test_the_home_has_the_socket() -> None:
    assert read_options(["codex", "--home", "/h"], {}).socket == "/h/agentd.sock"


def test_the_settings_say_the_same() -> None:
    """The hook is too short-lived to read the settings by the settings' own module."""
    names = [name for each in VARIABLES.values() for name in each.names]
    assert {"AGENTD_HOOK_POLICY", "AGENTD_HOOK_LOCK_SECS", "AGENTD_SOCKET_PATH"} <= set(names)
    settings = read_settings({})
    options = read_options(["codex"], {})
    assert settings.hook_policy == options.policy
    assert settings.hook_lock_secs == options.lock_secs
    assert (str(settings.home), str(settings.socket_path)) == (options.home, options.socket)


@pytest.mark.parametrize(
    ("line", "variables", "message"),
    [
        ([], {}, "names no provider"),
        (["copilot"], {}, "names no provider"),
        (["codex", "--what"], {}, "--what"),
        (["codex", "--policy"], {}, "needs a value"),
        (["codex", "--policy", "open"], {}, "strict"),
        (["codex", "--lock-secs", "-1"], {}, "604,800"),
        (["codex"], {"AGENTD_HOOK_POLICY": "none"}, "none"),
        (["codex"], {"AGENTD_HOOK_LOCK_SECS": "ten"}, "ten"),
    ],
)
def test_wrong_ones_are_named(line: list[str], variables: dict[str, str], message: str) -> None:
    with pytest.raises(BadUsage, match=message):
        read_options(line, variables)
