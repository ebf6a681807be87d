"""A network namespace with nothing but its loopback: there the model listens and the clients run.

Paths of Unix sockets reach through it, so the daemon may stay outside.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.providers.real.dialects import Step, step_to_json


def why_no_namespace() -> str | None:
    """Why no network namespace can be had here, or nothing."""
    for program in ("unshare", "nsenter"):
        if shutil.which(program) is None:
            return f"no {program} is installed (Debian: util-linux)"
    tried = subprocess.run(["unshare", "-rn", "true"], capture_output=True, text=True, check=False)
    return f"no network namespace can be made: {tried.stderr.strip()}" if tried.returncode else None


@dataclass(frozen=True)
class ModelPlace:
    """Where the model listens, and the way into its namespace."""

    port: int
    pid: int
    asked_file: Path

    def url(self, conversation: str) -> str:
        """The base of a conversation's URLs."""
        return f"http://127.0.0.1:{self.port}/{conversation}"

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command that runs this one inside the namespace."""
        return [
            "nsenter",
            f"--target={self.pid}",
            "--user",
            "--net",
            "--preserve-credentials",
            "--",
            *argv,
        ]

    def told(self, conversation: str) -> str:
        """What the tools of a conversation told the model, each as often as it was told."""
        lines = self.asked_file.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines]
        return "\n".join(
            result
            for each in found
            if each["conversation"] == conversation
            for result in each["results"]
        )


@contextmanager
def model_running(scripts: Mapping[str, Sequence[Step]], directory: Path) -> Iterator[ModelPlace]:
    """The model with these scripts, within the block."""
    directory.mkdir(parents=True, exist_ok=True)
    script_file, asked_file = directory / "scripts.json", directory / "asked"
    text = {name: [step_to_json(step) for step in steps] for name, steps in scripts.items()}
    script_file.write_text(json.dumps(text), encoding="utf-8")
    asked_file.touch()
    program = [
        sys.executable,
        "-m",
        "tests.providers.real.model",
        str(script_file),
        str(asked_file),
    ]
    with (directory / "model.log").open("wb") as log:
        process = subprocess.Popen(["unshare", "-rn", *program], stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield ModelPlace(port, process.pid, asked_file)
    finally:
        process.terminate()
        process.communicate()
