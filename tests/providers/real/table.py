"""A table for agents to sit at: a repository, a daemon, and the model, each real but the last."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from agentd.client.autostart import StartedDaemon, private_environment, running_daemon
from tests.fakes.git_identity import SOMEBODY
from tests.providers.real.clients import Client, client_home, programs
from tests.providers.real.dialects import Step
from tests.providers.real.namespace import ModelPlace, model_running

RUN_SECS = 300
APP = "src/app.py"
GREETING = """def greet():
    return "{}"


def ask():
    return "how are you"


def leave():
    return "bye"
"""
FILES = {APP: GREETING.format("hello"), "README.md": "# demo\n"}

Scripts = Callable[[Path], Mapping[str, Sequence[Step]]]
"""From the repository's place to what the model has each client do."""


@dataclass(frozen=True)
class Ended:
    """How a program ended, and what it wrote."""

    code: int
    out: str
    err: str

    def events(self) -> list[dict[str, Any]]:
        """The JSON objects that it wrote, one a line."""
        return [orjson.loads(line) for line in self.out.splitlines() if line.startswith("{")]


@dataclass(frozen=True)
class Running:
    """A program under way."""

    process: subprocess.Popen[bytes]
    output: Path
    """Where what it writes goes."""

    def ended(self) -> Ended:
        """Waits for its end."""
        code = self.process.wait(RUN_SECS)
        out, err = ((self.output / name).read_text(errors="replace") for name in ("out", "err"))
        return Ended(code, out, err)


@dataclass
class Table:
    """Where agents work."""

    repository: Path
    home: Path
    """Of the clients' user."""
    daemon: StartedDaemon
    model: ModelPlace
    environment: Mapping[str, str]
    _configured: dict[str, dict[str, str]] = field(default_factory=dict)
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def configured(self, client: Client) -> dict[str, str]:
        """The environment in which a client finds its own settings, which are written once."""
        if client.provider not in self._configured:
            self._configured[client.provider] = client.configure(self.home, self.model)
        return self._configured[client.provider]

    def run(self, client: Client, owner: str) -> Running:
        """Starts a client by `agentd-coord run`."""
        arguments = ("run", client.provider, "change the greeting", "--owner", owner)
        return self.start_coord(*arguments, **self.configured(client))

    def start(self, client: Client, session: str, *options: str, **variables: str) -> Running:
        """Starts a client in the repository, as its user would: it knows agentd by its hooks."""
        named = {"AGENTD_SESSION_ID": session, **self.configured(client), **variables}
        return self._start(client.command("change the greeting", options), named)

    def coord(self, *arguments: str, **variables: str) -> Ended:
        """Runs `agentd-coord` in the repository, inside the namespace."""
        return self.start_coord(*arguments, **variables).ended()

    def start_coord(self, *arguments: str, **variables: str) -> Running:
        """Starts `agentd-coord` in the same way."""
        return self._start([sys.executable, "-m", "agentd.cli.coord", *arguments], variables)

    def git(self, *arguments: str) -> str:
        """Runs git in the repository."""
        argv = ["git", *arguments]
        return subprocess.run(
            argv,
            cwd=self.repository,
            env=dict(self.environment),
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def text(self, path: str) -> str:
        """A file of the repository as it is now."""
        return (self.repository / path).read_text(encoding="utf-8")

    def _start(self, argv: Sequence[str], variables: Mapping[str, str]) -> Running:
        output = Path(tempfile.mkdtemp(prefix="run-", dir=self.home))
        with (output / "out").open("wb") as out, (output / "err").open("wb") as err:
            process = subprocess.Popen(
                self.model.inside(argv),
                cwd=self.repository,
                env={**self.environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self._started.append(process)
        return Running(process, output)

    def end_all(self) -> None:
        """Ends what a failed test has left."""
        for process in self._started:
            process.kill()  # Does nothing where it has ended.
            process.wait()


@contextmanager
def table(scripts: Scripts, files: Mapping[str, str] = FILES) -> Iterator[Table]:
    """A table at which the model follows these scripts, in a repository with these files."""
    with client_home() as home, tempfile.TemporaryDirectory(prefix="agentd-", dir="/tmp") as short:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment = {
            **private_environment(kept, Path(short)),
            "HOME": str(home),
            # Codex keeps its sandbox's program below its home, and not below this directory.
            "TMPDIR": str(short),
            "PATH": os.pathsep.join(
                (str(programs()), str(Path(sys.executable).parent), os.environ["PATH"])
            ),
            "TERM": "xterm-256color",
            **SOMEBODY,
        }
        repository = home / "project"
        for path, text in files.items():
            (repository / path).parent.mkdir(parents=True, exist_ok=True)
            (repository / path).write_text(text, encoding="utf-8")
        with (
            running_daemon(environment) as daemon,
            model_running(scripts(repository), home / "model") as model,
        ):
            made = Table(repository, home, daemon, model, environment)
            for arguments in (
                ("init", "-q", "-b", "main"),
                ("add", "-A"),
                ("commit", "-qm", "Begin"),
            ):
                made.git(*arguments)
            try:
                yield made
            finally:
                made.end_all()
