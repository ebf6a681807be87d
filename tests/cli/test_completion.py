"""What a shell is offered on a press of the tab key, as its completion script asks for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentd.client.autostart import StartedDaemon
from tests.fakes.patience import PATIENCE_SECS

Environment = dict[str, str]
PATIENT = (
    "import sys; from agentd.cli import completions, {module}; "
    f"completions._ANSWER_SECS_MAX = {PATIENCE_SECS}; "
    "sys.argv = ['{program}']; {module}.main()"
)
"""The program as a script of its name runs it, with as much time as a busy machine may need."""


def command(program: str) -> list[str]:
    module = {"agentd": "daemon", "agentd-coord": "coord"}[program]
    return [sys.executable, "-c", PATIENT.format(module=module, program=program)]


def offered(environment: Environment, *words: str) -> list[str]:
    """What bash is offered for the last word."""
    program = words[0]
    ended = subprocess.run(
        command(program),
        env={
            **environment,
            f"_{program.upper().replace('-', '_')}_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    return ended.stdout.split()


def test_commands_options_and_methods_are_offered_without_a_daemon(
    environment: Environment,
) -> None:
    assert offered(environment, "agentd-coord", "ta") == ["tasks"]
    assert offered(environment, "agentd-coord", "tasks", "--s") == ["--state"]
    assert offered(environment, "agentd-coord", "tasks", "--state", "a") == ["active"]
    assert offered(environment, "agentd", "call", "ListT") == ["ListTasks"]
    assert offered(environment, "agentd", "describe", "Hea") == [
        "HeartbeatNode",
        "HeartbeatResourceLock",
        "Health",
    ]
    for command in ("tasks", "locks", "decisions", "explain"):
        assert offered(environment, "agentd-coord", command, "") == []


def test_what_the_daemon_knows_is_offered(environment: Environment, daemon: StartedDaemon) -> None:
    with daemon.client() as client:
        tasks = [client.register_task(goal=goal).task_id for goal in ("one", "two")]
        for key, owner in (("file:a.py", "codex"), ("file:b.py", "agy"), ("dir:docs", "agy")):
            client.acquire_resource_lock(resource_key=key, owner=owner)
    coord = "agentd-coord"
    assert offered(environment, coord, "tasks", "") == tasks[::-1]
    assert offered(environment, coord, "tasks", tasks[0][:13]) == [tasks[0]]
    assert offered(environment, coord, "review", "--task", tasks[1]) == [tasks[1]]
    assert offered(environment, coord, "locks", "file:") == ["file:a.py", "file:b.py"]
    assert offered(environment, coord, "locks", "--owner", "") == ["agy", "codex"]


def test_reviews_and_their_bundles_are_offered(
    environment: Environment, daemon: StartedDaemon
) -> None:
    review = {
        "review_id": "3f2a91c0-0000-4000-8000-000000000001",
        "created_at": "2027-01-01T00:00:00.000Z",
        "repository": "/r",
        "target": {"ref": None, "commit": "c"},
        "bundles": [{"bundle_id": "b-1", "owner": "codex", "provider": "openai"}],
        "decisions": [{"bundle_id": "b-1", "action": "merge", "reasons": []}],
    }
    with daemon.client() as client:
        client.call("RecordDecision", {"review": review})
    assert offered(environment, "agentd-coord", "decisions", "3") == [review["review_id"]]
    assert offered(environment, "agentd-coord", "explain", "b") == ["b-1"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_no_name_of_an_agents_choice_reaches_the_shells_evaluation(
    environment: Environment, daemon: StartedDaemon, shell: str
) -> None:
    hostile = ["$(date)", "\\$(date)", "`date`", "a b", "*", "a;date", "x'y", 'x"y', "~", "-rf"]
    with daemon.client() as client:
        for number, name in enumerate(hostile):
            client.acquire_resource_lock(resource_key=f"tool:{name}", owner=name)
            client.register_task(goal=f"{number} {name}")
    for words in ("locks ", "tasks ", "locks --owner "):
        ended = subprocess.run(
            command("agentd-coord"),
            env={
                **environment,
                "_AGENTD_COORD_COMPLETE": f"complete_{shell}",
                "COMP_WORDS": f"agentd-coord {words}",
                "COMP_CWORD": str(len(words.split()) + 1),
                "_TYPER_COMPLETE_ARGS": f"agentd-coord {words}",
                "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        said = ended.stdout.replace("_arguments '*: :((", "").replace("))'", "")
        for character in "$`*;'~\\":
            assert character not in said.replace(r"\\:", ":"), said
        assert '"-rf' not in said
        assert "-rf" not in said.split()
