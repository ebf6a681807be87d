"""What the model has each client do. All of them change one file, and each adds one of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.providers.real.dialects import Call, Step
from tests.providers.real.table import APP

DONE = Step("done")


def patch(change: str) -> Call:
    """A call of Codex's tool for patches."""
    return Call("apply_patch", text=f"*** Begin Patch\n{change}*** End Patch\n")


def codex_edit(greeting: str) -> Call:
    """Codex changes the greeting."""
    return patch(
        f"*** Update File: {APP}\n@@\n def greet():\n"
        f'-    return "hello"\n+    return "{greeting}"\n'
    )


def edit(tool: str, repository: Path, greeting: str) -> Call:
    """The others change the greeting: they name their files in full."""
    values = {
        "file_path": str(repository / APP),
        "old_string": 'return "hello"',
        "new_string": f'return "{greeting}"',
    }
    return Call(
        tool, {"instruction": "change the greeting", **values} if tool == "replace" else values
    )


def write(repository: Path, path: str, text: str) -> Call:
    """They write a file."""
    return Call("write_file", {"file_path": str(repository / path), "content": text})


def read(repository: Path) -> Call:
    """Qwen Code wants a file read before it is changed."""
    return Call("read_file", {"file_path": str(repository / APP)})


def all_at_once(repository: Path) -> Mapping[str, Sequence[Step]]:
    """Each goes for the greeting at the same moment, and then for a file of its own."""
    return {
        "codex": [
            Step(calls=[codex_edit("hello from codex")], meeting="greeting"),
            Step(calls=[patch("*** Add File: src/codex_only.py\n+X = 1\n")]),
            DONE,
        ],
        "gemini": [
            Step(calls=[edit("replace", repository, "hello from gemini")], meeting="greeting"),
            Step(calls=[write(repository, "src/gemini_only.py", "Y = 1\n")]),
            DONE,
        ],
        "qwen": [
            Step(calls=[read(repository)]),
            Step(calls=[edit("edit", repository, "hello from qwen")], meeting="greeting"),
            Step(calls=[write(repository, "src/qwen_only.py", "Z = 1\n")]),
            DONE,
        ],
    }


def one_after_the_other(repository: Path) -> Mapping[str, Sequence[Step]]:
    """The same, without waiting for one another: a model that is told why it was refused goes
    through its script once more."""
    scripts = all_at_once(repository)
    return {name: [replace(step, meeting="") for step in steps] for name, steps in scripts.items()}
