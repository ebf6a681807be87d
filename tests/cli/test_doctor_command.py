"""`agentd-coord doctor` with programs that stand in for the vendors', and real hooks and daemon."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from agentd.client.autostart import StartedDaemon
from tests.cli.conftest import Command

VERSIONS = {
    "codex": "codex-cli 0.169.0",
    "claude": "2.1.295 (Claude Code)",
    "gemini": "0.61.0",
    "qwen": "0.15.10",
    "agy": "1.2.12",
}
APP_SERVER = """#!{python}
import hashlib, json, os, sys
if sys.argv[1:] != ["app-server"]:
    print("codex-cli 0.169.0")
    raise SystemExit
for line in sys.stdin:
    message = json.loads(line)
    if message.get("method") == "hooks/list":
        home = os.path.join(os.environ["HOME"], ".codex")
        hooks = json.load(open(home + "/hooks.json"))["hooks"]
        trust = open(home + "/config.toml").read()
        command = hooks["PreToolUse"][0]["hooks"][0]["command"]
        key = home + "/hooks.json:pre_tool_use:0:0"
        status = "trusted" if key in trust else "untrusted"
        hook = dict(key=key, eventName="preToolUse", command=command, trustStatus=status,
                    enabled=True)
        print(json.dumps({{"method": "some/notification"}}))
        print(json.dumps({{"id": message["id"], "result": {{"data": [{{"hooks": [hook]}}]}}}}),
              flush=True)
"""


@pytest.fixture
def programs(directory: Path, environment: dict[str, str]) -> Path:
    """A directory with a program for each vendor, first on the PATH."""
    place = directory / "programs"
    place.mkdir()
    for name, version in VERSIONS.items():
        text = f"#!/bin/sh\necho '{version}'\n"
        write_program(place / name, text)
    write_program(place / "codex", APP_SERVER.format(python=sys.executable))
    environment["PATH"] = f"{place}:/usr/bin:/bin"
    return place


def write_program(path: Path, text: str) -> None:
    """Makes a program."""
    path.write_text(text)
    path.chmod(0o755)


def examined(coord: Command, directory: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code, and what was found out, by provider."""
    done = coord("doctor", "--json", at=directory)
    assert done.out, done.err
    return done.code, {each["provider"]: each for each in done.json()["agents"]}


def test_all_that_are_installed(
    coord: Command, directory: Path, programs: Path, daemon: StartedDaemon
) -> None:
    code, before = examined(coord, directory)
    assert code == 10
    known = {"codex", "claude_code", "gemini", "qwen", "antigravity"}
    assert {name for name, each in before.items() if each["enforcement"] == "none"} == known
    assert before["opencode"]["enforcement"] is None
    assert before["opencode"]["program"] is None
    for provider in known:
        assert coord("hooks", "install", provider, at=directory).code == 0
    code, after = examined(coord, directory)
    assert {name: after[name]["enforcement"] for name in known} == {
        **dict.fromkeys(known, "guarded"),
        "antigravity": "advisory",
    }
    assert code == 10, "one is only advisory"
    assert after["claude_code"]["version"] == VERSIONS["claude"]
    assert any("Codex says" in text for text in after["codex"]["evidence"])
    with daemon.client() as client:
        assert client.call("ListResourceLocks", {})["locks"] == []
    (programs / "agy").unlink()
    assert examined(coord, directory)[0] == 0
    told = coord("doctor", at=directory)
    assert told.out.count("guarded") == 4
    assert "Not installed: Antigravity CLI, OpenCode, DeepSeek" in told.out


def test_agentds_own_agent_locks_by_itself(
    coord: Command, directory: Path, environment: dict[str, str], daemon: StartedDaemon
) -> None:
    environment["PATH"] = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    code, found = examined(coord, directory)
    assert found["deepseek"]["enforcement"] == "guarded"
    assert any("locks each file" in text for text in found["deepseek"]["evidence"])
    assert code == 0, "it is the only one that is installed"
    environment["AGENTD_HOOK_POLICY"] = "advisory"
    code, found = examined(coord, directory)
    assert (code, found["deepseek"]["enforcement"]) == (10, "advisory")


def test_another_program_in_its_place_is_not_taken_for_it(
    coord: Command,
    directory: Path,
    programs: Path,
    environment: dict[str, str],
    daemon: StartedDaemon,
) -> None:
    write_program(programs / "somebody", "#!/bin/sh\n")
    config = Path(environment["AGENTD_HOME"]) / "config.toml"
    config.write_text('[agents.deepseek]\ncommand = "somebody"\n')
    _, found = examined(coord, directory)
    assert found["deepseek"]["enforcement"] == "none"


def test_without_a_daemon_nothing_is_guarded(
    coord: Command, directory: Path, programs: Path
) -> None:
    coord("hooks", "install", "qwen", at=directory)
    code, found = examined(coord, directory)
    assert code == 3
    assert found["qwen"]["enforcement"] == "none"
    assert any("start the daemon" in text for text in found["qwen"]["evidence"])


def test_a_hook_that_is_gone_refuses_everything(
    coord: Command, directory: Path, programs: Path, daemon: StartedDaemon
) -> None:
    coord("hooks", "install", "qwen", at=directory)
    settings = directory / ".qwen" / "settings.json"
    settings.write_text(settings.read_text().replace(sys.executable, "/gone/python"))
    _, found = examined(coord, directory)
    assert found["qwen"]["enforcement"] == "none"
    assert found["qwen"]["hooks"][0]["state"] == "outdated"
    assert any("refuses everything" in text for text in found["qwen"]["evidence"])
    # An older installation's hook, without the shell's last word, lets everything through.
    settings.write_text(settings.read_text().replace(" || exit 2", ""))
    _, found = examined(coord, directory)
    assert found["qwen"]["enforcement"] == "none"
    assert any("let a write through" in text for text in found["qwen"]["evidence"])


def test_advice_is_only_advisory(
    coord: Command,
    directory: Path,
    programs: Path,
    daemon: StartedDaemon,
    environment: dict[str, str],
) -> None:
    environment["AGENTD_HOOK_POLICY"] = "advisory"
    coord("hooks", "install", "claude_code", at=directory)
    assert examined(coord, directory)[1]["claude_code"]["enforcement"] == "advisory"


def test_codex_skips_what_it_does_not_trust(
    coord: Command, directory: Path, programs: Path, daemon: StartedDaemon
) -> None:
    coord("hooks", "install", "codex", at=directory)
    (directory / ".codex" / "config.toml").write_text("")
    code, found = examined(coord, directory)
    assert code == 10
    assert found["codex"]["enforcement"] == "none"
    assert any("Codex skips the hook" in text for text in found["codex"]["evidence"])


def test_codex_that_does_not_say_is_not_believed(
    coord: Command, directory: Path, programs: Path, daemon: StartedDaemon
) -> None:
    coord("hooks", "install", "codex", at=directory)
    write_program(programs / "codex", "#!/bin/sh\necho 'codex-cli 0.169.0'\n")
    _, found = examined(coord, directory)
    assert found["codex"]["enforcement"] == "none"
    assert any("does not say" in text for text in found["codex"]["evidence"])


def test_a_program_that_is_too_old(
    coord: Command, directory: Path, programs: Path, daemon: StartedDaemon
) -> None:
    coord("hooks", "install", "gemini", at=directory)
    write_program(programs / "gemini", "#!/bin/sh\necho 0.1.9\n")
    found = examined(coord, directory)[1]["gemini"]
    assert found["enforcement"] == "none"
    assert any("older than 0.61.0" in text for text in found["evidence"])


def test_a_session_s_own_variables_do_not_reach_the_probe(
    coord: Command,
    directory: Path,
    programs: Path,
    daemon: StartedDaemon,
    environment: dict[str, str],
) -> None:
    coord("hooks", "install", "qwen", at=directory)
    environment |= {"AGENTD_SESSION_ID": "agentd-doctor", "AGENTD_BRANCH": "agentd-doctor"}
    assert examined(coord, directory)[1]["qwen"]["enforcement"] == "guarded"


def test_the_project_s_settings_count(
    coord: Command, directory: Path, shop: Any, programs: Path, daemon: StartedDaemon
) -> None:
    coord("hooks", "install", "qwen", "--project")
    found = json.loads(coord("doctor", "--json").out)["agents"]
    [qwen] = [each for each in found if each["provider"] == "qwen"]
    assert qwen["enforcement"] == "guarded"
    assert [each["state"] for each in qwen["hooks"]] == ["absent", "installed"]
    assert os.path.samefile(Path(qwen["hooks"][1]["path"]).parents[1], shop.path)
