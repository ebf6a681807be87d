"""Four DeepSeek agents write a small worker and its contract, coordinated by agentd.

A task of four nodes: one agent writes a compact Python worker script, one concurrently writes the
IPC contract, one waits for both and reviews whether they fit, and one waits last and sums up. The
first two hand their files in as patch bundles, and `agentd-coord review` decides what is merged.

    python examples/deepseek_agent_loop.py --offline           # without a key, network or daemon
    python examples/deepseek_agent_loop.py --offline --crash   # with a worker killed half way
    DEEPSEEK_API_KEY=… python examples/deepseek_agent_loop.py  # the real thing, on your daemon

The workers are processes of their own (`deepseek_loop/worker.py`, AGENTD_AGENT_WORKERS of them) and
know nothing of one another: all that they share is the daemon. What they make is below
AGENTD_ARTIFACT_DIR. `--resume TASK` goes on with a task whose workers are gone.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentd.client.async_client import AsyncClient
from agentd.client.autostart import private_environment, running_daemon
from agentd.client.sync_client import Client
from agentd.errors import AgentdError
from agentd.paths import prepare_directory
from agentd.plain_text import printable
from agentd.protocol.journal import Event
from agentd.protocol.tasks import TaskStatusResult
from agentd.providers.completers import completer
from agentd.settings import Settings, load_settings, process_environment

PARTS = Path(__file__).parent / "deepseek_loop"
LEASE_SECS = 60
CRASH_LEASE_SECS = 4
"""Short, so that nobody waits long until a dead worker's node is free again."""
REPLACEMENTS_MAX = 5
BRANCH = "deepseek-loop"

NODES: list[dict[str, Any]] = [
    {"key": "worker-script"},
    {"key": "ipc-contract"},
    {"key": "integration-review", "dependencies": ["worker-script", "ipc-contract"]},
    {"key": "synthesis", "dependencies": ["integration-review"]},
]
VICTIM = "worker-script"
"""The node whose worker --crash kills."""

STEPS = {
    "worker-script": {
        "agent": "script-agent",
        "kind": "change",
        "intent": "write a compact worker",
        "artifact": "worker.py",
        "prompt": "Write a compact Python worker for agentd: standard library only, at most 30 "
        "lines. It connects to the Unix socket AGENTD_SOCKET_PATH and exchanges JSON lines "
        '{"id", "method", "params"} and {"id", "result"}. Until AcquireNextNode (lease_owner) '
        "returns null it takes a node, sends HeartbeatNode and CompleteNode (both with task_id, "
        "node_id and lease_id; result_payload for the latter). Answer with the program alone.",
    },
    "ipc-contract": {
        "agent": "contract-agent",
        "kind": "change",
        "intent": "write the IPC contract",
        "artifact": "ipc-contract.md",
        "prompt": "Write the IPC contract between an agentd worker and the daemon, in Markdown, at "
        "most 20 lines: JSON lines over a Unix socket, and a table of AcquireNextNode, "
        "HeartbeatNode and CompleteNode with params and results. Answer with the document alone.",
    },
    "integration-review": {
        "agent": "review-agent",
        "kind": "review",
        "intent": "review whether the two fit",
        "artifact": "review.md",
        "prompt": "Review whether the script and the contract can be integrated safely: does the "
        "script call what the contract describes, with its params? Say `Safe to integrate` or "
        "`Not safe to integrate` first, then why, in at most five sentences.",
    },
    "synthesis": {
        "agent": "synthesis-agent",
        "kind": "text",
        "intent": "sum up",
        "artifact": "summary.md",
        "prompt": "Sum up for the team what was made, whether it can be used, and the next step, "
        "in at most four sentences.",
    },
}

FIT = '''\
"""What has to hold of the two files, as soon as they are there."""

import ast
import re
import unittest
from pathlib import Path

SCRIPT, CONTRACT = Path("worker.py"), Path("ipc-contract.md")


class Fit(unittest.TestCase):
    def test_the_script_is_a_program(self):
        if SCRIPT.exists():
            ast.parse(SCRIPT.read_text())

    def test_the_contract_has_every_method_that_the_script_calls(self):
        if SCRIPT.exists() and CONTRACT.exists():
            called = set(re.findall(r"\\b[A-Z]\\w+(?:Node|Event|Lock)\\b", SCRIPT.read_text()))
            self.assertEqual({name for name in called if name not in CONTRACT.read_text()}, set())
'''

FIRST_FILES = {
    "README.md": "# A worker and its contract\n",
    "tests/__init__.py": "",
    "tests/test_fit.py": FIT,
    ".agentd/review.toml": "[verification]\nrequired = true\n"
    'commands = [{ run = "python3 -m unittest discover -s tests -q" }]\n',
}


class Unexpected(Exception):
    """It cannot go on. The message says why."""


@dataclass(frozen=True)
class Options:
    """The command line."""

    offline: bool
    crash: bool
    resume: str | None
    lease_secs: int | None


@dataclass(frozen=True)
class Surroundings:
    """What the loop runs in."""

    settings: Settings
    environment: Mapping[str, str]
    """For the workers and the referee; the key is not in it."""

    @property
    def with_key(self) -> dict[str, str]:
        """For the workers alone."""
        return {**self.environment, "DEEPSEEK_API_KEY": self.settings.deepseek_api_key or ""}


class Loop:
    """One run: starts workers, tells what the journal says, and has the referee decide."""

    def __init__(self, client: AsyncClient, around: Surroundings, options: Options) -> None:
        self.client = client
        self.around = around
        self.options = options
        self.lease_secs = options.lease_secs or (CRASH_LEASE_SECS if options.crash else LEASE_SECS)
        self.began = time.monotonic()
        self.task_id = options.resume or str(uuid.uuid4())
        self.run = Path()
        self.node_names: dict[str, str] = {}
        self.workers: dict[str, asyncio.subprocess.Process] = {}
        self.replaced: set[str] = set()
        self.crash_due = options.crash
        self.spent: dict[str, list[dict[str, Any]]] = {}

    async def play(self) -> int:
        """The whole run, and its exit code."""
        if self.options.resume is None:
            await self.register()
        status = await self.client.task_status(task_id=self.task_id)
        self.node_names = {node.id: node.key or node.id for node in status.nodes}
        self.run = Path(status.task.context["run"])
        print(
            f"task {self.task_id}\n\n"
            "    worker-script ─┐\n"
            "                   ├─ integration-review ── synthesis\n"
            "    ipc-contract  ─┘\n"
        )
        for _ in range(self.around.settings.agent_workers):
            await self.start_worker()
        try:
            status = await self.follow()
        finally:
            await self.stop_workers()
        return await self.conclude(status)

    async def register(self) -> None:
        """A small repository for the agents, and the task."""
        self.run = self.around.settings.artifact_dir / f"deepseek-{self.task_id[:8]}"
        prepare_directory(self.run)
        repository = (self.run / "repository").resolve()
        make_repository(repository)
        await self.client.register_task(
            task_id=self.task_id,
            goal="a compact worker and the contract that it speaks",
            context={"repository": str(repository), "run": str(self.run), "steps": STEPS},
            initial_nodes=NODES,
        )

    # Workers.

    async def start_worker(self) -> None:
        """One more worker process; what it says goes into a log file."""
        name = f"worker-{len(self.workers) + 1}"
        with (self.run / f"{name}.log").open("ab") as log:
            self.workers[name] = await asyncio.create_subprocess_exec(
                sys.executable,
                str(PARTS / "worker.py"),
                self.task_id,
                name,
                str(self.lease_secs),
                env=self.around.with_key,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def replace_dead_workers(self) -> None:
        """There are always as many as there should be."""
        for name, process in list(self.workers.items()):
            if process.returncode in (None, 0) or name in self.replaced:
                continue
            self.replaced.add(name)
            if len(self.replaced) > REPLACEMENTS_MAX:
                log = self.run / f"{name}.log"
                last_words = (log.read_text(errors="replace").splitlines() or ["nothing"])[-1]
                raise Unexpected(
                    f"one worker after the other ends. {name} said: {printable(last_words)}\n"
                    f"Its log is {log}. Go on later with: --resume {self.task_id}"
                )
            await self.start_worker()

    async def stop_workers(self) -> None:
        """Waits for the workers that are done, and ends those that are not."""
        for process in self.workers.values():
            if process.returncode is None:
                try:
                    await asyncio.wait_for(process.wait(), 5)
                except TimeoutError:
                    process.kill()
                    await process.wait()

    async def crash(self, victim: str) -> None:
        """kill -9, while the model thinks and the worker renews its lease."""
        first_end: int | None = None
        while True:
            status = await self.client.task_status(task_id=self.task_id)
            node = next(node for node in status.nodes if node.key == VICTIM)
            if node.lease_owner != victim or node.lease_expires_at is None:
                return
            first_end = first_end or node.lease_expires_at
            if node.lease_expires_at > first_end:
                break
            await asyncio.sleep(0.1)
        self.say(f"{victim} has renewed its lease: its model is still thinking")
        process = self.workers[victim]
        process.kill()
        await process.wait()
        self.say(f"kill -9 {victim} (pid {process.pid}), in the middle of {VICTIM}")

    # The journal, told.

    async def follow(self) -> TaskStatusResult:
        """Tells every event until the task is over."""
        after = 0
        while True:
            page = await self.client.list_events(
                task_id=self.task_id, after_seq=after, wait_secs=0.5
            )
            for event in page.events:
                after = event.seq
                self.tell(event)
                await self.crash_if_due(event)
            await self.replace_dead_workers()
            if not page.events:
                status = await self.client.task_status(task_id=self.task_id)
                if status.state != "active":
                    return status

    async def crash_if_due(self, event: Event) -> None:
        """The first answer that is cut off is the moment."""
        is_victim = self.node_names.get(event.node_id or "") == VICTIM
        if self.crash_due and is_victim and event.action_type == "progress":
            self.crash_due = False
            if event.payload["stop"] == "length" and event.owner in self.workers:
                await self.crash(event.owner)

    def tell(self, event: Event) -> None:
        """What an event means, in a line."""
        node = self.node_names.get(event.node_id or "", "")
        agent = STEPS.get(node, {}).get("agent", node)
        said = event.payload if isinstance(event.payload, dict) else {}
        match event.action_type:
            case "node.acquired" if said.get("attempt") == 1:
                self.say(f"{event.owner} leases {node}")
            case "node.acquired":
                kept = len(self.spent.get(node, ()))
                self.say(
                    f"{event.owner} leases {node}, attempt {said['attempt']}: it finds {kept} "
                    f"part{'' if kept == 1 else 's'} of the answer in the journal"
                )
            case "node.expired":
                self.say(f"the lease of {event.owner} ran out: {node} is PENDING again")
            case "intent":
                self.say(f"{agent} has locked {', '.join(said['touched_paths'])}")
            case "progress":
                self.spent.setdefault(node, []).append(said)
                self.say(f"{agent}: {priced(said)}")
            case "result":
                self.say(f"{agent} hands in a bundle: {said['diff_summary']}")
            case "node.completed":
                self.say(f"{node} is COMPLETED")
            case "node.failed" | "node.retried":
                why = said.get("error_payload", {}).get("message", "")
                again = "; it is tried again" if event.action_type == "node.retried" else ""
                self.say(f"{node} failed: {why}{again}")
            case _:
                return

    def say(self, text: str) -> None:
        """A line with the time since the start."""
        print(f"{time.monotonic() - self.began:5.1f}s  {printable(text)}", flush=True)

    # The end.

    async def conclude(self, status: TaskStatusResult) -> int:
        """The referee's decision, what it all cost, and where it is."""
        if status.state != "completed":
            print(f"\nThe task is {status.state}. The workers' logs are in {self.run}.")
            return 1
        print(f"\nThe referee: agentd-coord review --apply --branch-name {BRANCH}\n", flush=True)
        repository = str(status.task.context["repository"])
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "agentd.cli.coord", "review", "--repo", repository),
            *("--task", self.task_id, "--apply", "--branch-name", BRANCH),
            env=self.around.environment,
        )
        code = await process.wait()
        for key in ("integration-review", "synthesis"):
            print(f"\n{STEPS[key]['agent']}:")
            text = (self.run / STEPS[key]["artifact"]).read_text().rstrip()
            print("    " + printable(text, keep_newlines=True).replace("\n", "\n    "))
        self.tell_costs()
        print(f"\nArtifacts: {self.run}")
        for step in STEPS.values():
            print(f"    {step['artifact']:<16} by {step['agent']}")
        print(f"Next: git -C {repository} log --oneline {BRANCH}")
        return code

    def tell_costs(self) -> None:
        """Tokens and dollars, by node."""
        print("\ntokens in / out / US$")
        for node, parts in self.spent.items():
            print(f"    {node:<20} {totals(parts)}")
        everything = [part for parts in self.spent.values() for part in parts]
        print(f"    {'together':<20} {totals(everything)}")


def priced(part: Mapping[str, Any]) -> str:
    """A part of an answer and what it cost."""
    cost = part["cost_usd"]
    dollars = "at an unknown price" if cost is None else f"for ${cost:.6f}"
    goes_on = " (cut off at DEEPSEEK_MAX_TOKENS, it goes on)" if part["stop"] == "length" else ""
    tokens = part["usage"]["completion_tokens"]
    return f"part {part['part']} of its answer, {tokens} tokens {dollars}{goes_on}"


def totals(parts: list[dict[str, Any]]) -> str:
    """The sums."""
    asked, answered = (
        sum(part["usage"][name] for part in parts)
        for name in ("prompt_tokens", "completion_tokens")
    )
    costs = [part["cost_usd"] for part in parts]
    dollars = "unknown" if None in costs else f"{sum(costs):.6f}"
    return f"{asked:>6} / {answered:>5} / {dollars}"


def make_repository(path: Path) -> None:
    """A git repository with one commit, whatever the user's own git configuration says."""
    for name, content in FIRST_FILES.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    ours = ["-c", "user.name=DeepSeek loop", "-c", "user.email=loop@example.invalid"]
    ours += ["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"]
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        [*ours, "commit", "--quiet", "--message", "Say what has to fit"],
    ):
        subprocess.run(["git", "-C", str(path), *command], check=True)


# What it runs in.


@contextmanager
def surroundings(options: Options) -> Iterator[Surroundings]:
    """Settings and environment; where it is needed, a stand-in for the model and a daemon."""
    settings = load_settings()
    environment = process_environment()
    with ExitStack() as stack:
        if options.offline:
            url = stack.enter_context(stand_in(hang_once=options.crash))
            settings = replace(settings, deepseek_api_key="offline", deepseek_base_url=url)
            print(f"model {settings.deepseek_model}: a stand-in at {url}, no key and no network")
        else:
            completer("deepseek", settings)  # Says now, not in every worker, when there is no key.
            print(f"model {settings.deepseek_model} at {settings.deepseek_base_url}")
        if options.offline and not answers(settings.socket_path):
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agentd-")))
            started = stack.enter_context(running_daemon(private_environment(environment, home)))
            settings = replace(settings, home=home, socket_path=started.socket_path)
            print("daemon: none answered, so this run has one of its own")
        else:
            print(f"daemon at {settings.socket_path}")
        environment.pop("DEEPSEEK_API_KEY", None)
        yield Surroundings(settings, {**environment, **as_variables(settings)})


def as_variables(settings: Settings) -> dict[str, str]:
    """What the workers and the referee have to know, as their environment has it."""
    return {
        "AGENTD_HOME": str(settings.home),
        "AGENTD_SOCKET_PATH": str(settings.socket_path),
        "DEEPSEEK_BASE_URL": settings.deepseek_base_url,
        "DEEPSEEK_MODEL": settings.deepseek_model,
        "DEEPSEEK_MAX_TOKENS": str(settings.deepseek_max_tokens),
        "DEEPSEEK_TEMPERATURE": str(settings.deepseek_temperature),
    }


def answers(socket_path: Path) -> bool:
    """Whether a daemon answers there."""
    try:
        with Client(socket_path):
            return True
    except AgentdError:
        return False


@contextmanager
def stand_in(*, hang_once: bool) -> Iterator[str]:
    """The stand-in's address; it ends with the block, or with this process."""
    command = [sys.executable, str(PARTS / "stand_in.py"), *(["--hang-once"] if hang_once else [])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.kill()


async def play(options: Options, around: Surroundings) -> int:
    """One run, with a connection."""
    async with AsyncClient(around.settings.socket_path) as client:
        return await Loop(client, around, options).play()


def main() -> int:
    """0: everything was merged; 10: the referee sent something back; 1: it failed."""
    description, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--offline", action="store_true", help="a stand-in instead of DeepSeek")
    parser.add_argument("--crash", action="store_true", help="kill a worker in the middle")
    parser.add_argument("--resume", metavar="TASK", help="go on with a task of an earlier run")
    parser.add_argument("--lease-secs", type=int, help="how long a silent worker keeps its node")
    options = Options(**vars(parser.parse_args()))
    try:
        with surroundings(options) as around:
            return asyncio.run(play(options, around))
    except AgentdError as error:
        without = " Without a key: --offline." if error.reason == "provider_key_missing" else ""
        print(f"failed: {error.message}. {error.hint}{without}", file=sys.stderr)
    except Unexpected as error:
        print(f"failed: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted; --resume with the task's id goes on", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
