"""The agents of an installation, and what a wrong `config.toml` is answered with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentd.errors import AgentdError
from agentd.providers.adapter import Assignment, Transport, assigned_environment, started
from agentd.providers.codex_hooks import trust_hash
from agentd.providers.hook_settings.hook_command import HookCommand
from agentd.providers.registry import BUILT_IN, agent, agents, installed_program, required_program
from tests.fakes.settings import settings_for

ASSIGNMENT = Assignment(
    prompt="fix it",
    worktree=Path("/w"),
    session="codex-1",
    socket=Path("/home/agentd.sock"),
    workspace=Path("/r"),
    branch="codex/fix",
    hook=HookCommand(("/bin/agentd-hook",), "guarded", Path("/h"), Path("/s"), 900),
)


def configure(home: Path, text: str) -> None:
    """Writes the configuration of a home."""
    (home / "config.toml").write_text(text)


def refused(home: Path, text: str, name: str = "codex") -> str:
    """What is said about a configuration."""
    configure(home, text)
    with pytest.raises(AgentdError) as caught:
        agent(name, settings_for(home))
    assert caught.value.hint
    return caught.value.message.removeprefix(f"{home}/config.toml: ")


def test_without_a_configuration_every_adapter_is_there(home: Path) -> None:
    found = agents(settings_for(home))
    assert [each.name for each in found] == list(BUILT_IN)
    for each in found:
        assert each.adapter.name == each.name
        assert each.command == ((each.adapter.program,) if each.adapter.program else ())
        assert all(way.why for way in each.adapter.ways)


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "command"])
def test_every_adapter_can_be_started(home: Path, name: str) -> None:
    found = agent(name, settings_for(home))
    for way in found.adapter.ways:
        launch = way.launch(ASSIGNMENT)
        arguments, stdin = started(found, ASSIGNMENT, launch)
        assert arguments[0] == found.adapter.program
        talks = way.transport in (Transport.APP_SERVER, Transport.ACP)
        assert talks != ("fix it" in stdin.decode() or any("fix it" in each for each in arguments))
    assert found.adapter.interactive(ASSIGNMENT).stdin == b""


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "command"])
def test_a_prompt_is_never_taken_for_an_option(home: Path, name: str) -> None:
    """It stands behind `--`, in one word with its option, or on standard input."""
    found = agent(name, settings_for(home))
    odd = Assignment(
        prompt="--dangerous",
        worktree=Path("/w"),
        session="s",
        socket=Path("/s"),
        workspace=Path("/r"),
    )
    launches = [way.launch(odd) for way in found.adapter.ways]
    for launch in [*launches, found.adapter.interactive(odd)]:
        for position, argument in enumerate(launch.arguments):
            if argument == "--dangerous":
                assert launch.arguments[position - 1] in ("--", "-p")


def test_what_every_agent_finds_in_its_environment(home: Path) -> None:
    found = agent("codex", settings_for(home))
    assert assigned_environment(found, ASSIGNMENT) == {
        "AGENTD_SESSION_ID": "codex-1",
        "AGENTD_PROVIDER": "codex",
        "AGENTD_SOCKET": "/home/agentd.sock",
        "AGENTD_WORKSPACE": "/r",
        "AGENTD_WORKTREE": "/w",
        "AGENTD_BRANCH": "codex/fix",
    }


def test_a_user_has_his_own_programs_and_arguments(home: Path) -> None:
    configure(
        home,
        '[agents.claude]\ncommand = "/opt/claude"\nargs = ["--model", "opus"]\n'
        '[agents.codex-at-work]\nadapter = "codex"\nenv = { CODEX_HOME = "/work" }\n'
        '[agents.mine]\nadapter = "command"\ncommand = "mine"\nargs = ["--ask", "{prompt}"]\n',
    )
    settings = settings_for(home)
    assert agent("claude-code", settings).command == ("/opt/claude", "--model", "opus")
    at_work = agent("codex_at_work", settings)
    assert (at_work.name, at_work.adapter.title) == ("codex_at_work", "Codex CLI")
    assert at_work.environment == {"CODEX_HOME": "/work"}
    mine = agent("mine", settings)
    launch = mine.adapter.ways[0].launch(ASSIGNMENT)
    assert started(mine, ASSIGNMENT, launch) == (("mine", "--ask", "fix it"), b"")


def test_without_a_place_for_it_a_prompt_comes_on_standard_input(home: Path) -> None:
    configure(home, '[agents.command]\ncommand = "cat"\n')
    found = agent("command", settings_for(home))
    launch = found.adapter.ways[0].launch(ASSIGNMENT)
    assert started(found, ASSIGNMENT, launch) == (("cat",), b"fix it")


def test_an_adapter_may_be_anybodys(home: Path) -> None:
    configure(home, '[agents.other]\nadapter = "agentd.providers.gemini:ADAPTER"\n')
    assert agent("other", settings_for(home)).command == ("gemini",)


def test_a_wrong_name(home: Path) -> None:
    assert refused(home, "", "codx") == "no agent is known as 'codx'; did you mean codex?"
    assert refused(home, "", "zebra") == "no agent is known as 'zebra'"
    assert refused(home, "", "command") == "command needs a program, and none is configured"


def test_a_wrong_configuration(home: Path) -> None:
    assert refused(home, '[agents.codex]\ncomand = "x"\n') == (
        "agents.codex.comand: no such key; did you mean `command`?"
    )
    assert refused(home, "[agents.codex]\nzz = 1\n") == (
        "agents.codex.zz: no such key; there are command, args, env, adapter, stall_secs"
    )
    assert refused(home, '[agents.codex]\nargs = "x"\n') == "agents.codex.args: must be a list"
    assert refused(home, "[agents.codex]\nargs = [1]\n") == "agents.codex.args[0]: must be a string"
    assert refused(home, '[agents.codex]\ncommand = ""\n') == (
        "agents.codex.command: must not be empty"
    )
    assert refused(home, '[agents.codex]\nenv = "x"\n') == "agents.codex.env: must be a table"
    assert refused(home, "[agents.codex]\nstall_secs = -1\n") == (
        "agents.codex.stall_secs: must be at least 0.0"
    )
    assert refused(home, "[agents]\ncodex = 1\n") == "agents.codex: must be a table"
    assert refused(home, "agents = 1\n") == "agents: must be tables such as [agents.codex]"
    assert refused(home, "[agent.codex]\n") == "agent: no such key; did you mean `agents`?"
    assert refused(home, "[agents.codx]\n").endswith("did you mean `codex`?")
    assert refused(home, '[agents."a b"]\n').endswith("must have a name of letters and digits")
    assert refused(home, "[agents.claude]\n[agents.claude_code]\n").endswith("is there twice")
    assert "it is no TOML" in refused(home, "[agents")
    (home / "config.toml").write_bytes(b"\xff")
    with pytest.raises(AgentdError, match="it is no TOML"):
        agents(settings_for(home))


def test_an_adapter_that_is_none(home: Path) -> None:
    for named, why in (
        ("codx", "there is no adapter"),
        ("agentd.providers.codex", "there is no adapter"),
        ("agentd.providers.codex:read", "there is no adapter"),
        ("no.such:ADAPTER", "No module named"),
    ):
        text = f'[agents.codex]\nadapter = "{named}"\n'
        assert why in refused(home, text)


def test_a_key_that_others_may_read(home: Path) -> None:
    text = '[agents.codex]\nenv = { OPENAI_API_KEY = "secret" }\n'
    configure(home, text)
    (home / "config.toml").chmod(0o644)
    assert "can be read by other users" in refused(home, text)
    (home / "config.toml").chmod(0o600)
    assert agent("codex", settings_for(home)).environment == {"OPENAI_API_KEY": "secret"}


def test_a_program_that_is_not_there(home: Path) -> None:
    codex = agent("codex", settings_for(home))
    assert installed_program(codex, str(home)) is None
    with pytest.raises(AgentdError) as caught:
        required_program(codex, str(home))
    assert caught.value.message == "Codex CLI is not installed: there is no program 'codex'"
    program = home / "codex"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert required_program(codex, str(home)) == str(program)


def test_codex_is_given_a_hook_that_it_trusts(home: Path) -> None:
    """Codex 0.169.0 gives this digest for it in `hooks/list`, and calls the hook trusted."""
    found = agent("codex", settings_for(home))
    exec_way = found.adapter.ways[1]
    arguments = exec_way.launch(ASSIGNMENT).arguments
    (hook,) = [each for each in arguments if each.startswith("hooks.PreToolUse=")]
    (state,) = [each for each in arguments if each.startswith("hooks.state=")]
    line = "/bin/agentd-hook codex --policy=guarded --home=/h --socket=/s --lock-secs=900 || exit 2"
    assert line in hook
    digest = "sha256:b566ee0fc06b5d2bac148c8f543ee714f7959073bf296d12b4b43348c32b9ea4"
    assert trust_hash("pre_tool_use", line) == digest
    assert digest in state
    assert not any("hooks." in each for each in found.adapter.ways[0].launch(ASSIGNMENT).arguments)


def test_claude_code_is_given_a_hook_for_one_session(home: Path) -> None:
    found = agent("claude_code", settings_for(home))
    arguments = found.adapter.ways[0].launch(ASSIGNMENT).arguments
    settings = json.loads(arguments[arguments.index("--settings") + 1])
    (entry,) = settings["hooks"]["PreToolUse"]
    assert "NotebookEdit" in entry["matcher"]
    assert entry["hooks"][0]["command"].endswith("--lock-secs=900 || exit 2")


@pytest.mark.parametrize(
    ("adapter", "why"),
    [
        (":x", "ValueError: Empty module name"),
        ("..x:y", "TypeError: "),
        ("spoilt_adapter:ADAPTER", "SyntaxError: "),
        ("failing_adapter:ADAPTER", "NameError: "),
        ("os:path", "there is no adapter"),
    ],
)
def test_an_adapter_that_cannot_be_imported(
    home: Path, monkeypatch: pytest.MonkeyPatch, adapter: str, why: str
) -> None:
    (home / "spoilt_adapter.py").write_text("def (\n")
    (home / "failing_adapter.py").write_text("ADAPTER = nobody\n")
    monkeypatch.syspath_prepend(str(home))
    said = refused(home, f'[agents.mine]\nadapter = "{adapter}"\ncommand = "x"\n', "mine")
    assert said.startswith(f"agents.mine.adapter: {adapter!r} cannot be used ({why}"), said
