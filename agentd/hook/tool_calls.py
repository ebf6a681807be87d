"""Which files a tool call is about to write. Pure.

A shell command names no path that could be relied on, so nothing is guessed from one: the git
guard and the review's ledger see what it did. The one exception is Codex, which takes an
`apply_patch` out of a shell command and carries it out itself.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Final

from agentd.hook.dialects import Dialect

_PATCH_BEGIN: Final = "*** Begin Patch"
_PATCH_LINE: Final = re.compile(r"\*\*\* (?:Add File|Update File|Delete File|Move to): (.+)")
_CHANGES_DIRECTORY: Final = re.compile(r"""\s*cd\s+(?:'([^']+)'|"([^"$`\\]+)"|([^\s;&|'"$`\\]+))""")


class UnreadableCall(Exception):
    """The tool writes files, and which ones cannot be made out. The message says why."""


def written_paths(
    dialect: Dialect, tool: str, arguments: Mapping[str, object]
) -> tuple[str, ...] | None:
    """The paths as the call names them, each once: old and new name of what it moves.

    None: the tool names no files. Raises `UnreadableCall`.
    """
    name = tool.lower()
    if name in dialect.patch_tools:
        return _paths_of_patch(tool, _text(arguments, "command", "input", "patch"), "")
    if name in dialect.shell_tools:
        command = _text(arguments, "command", "cmd")
        if _PATCH_BEGIN not in command:
            return None
        return _paths_of_patch(tool, command, _directory(arguments, command))
    if name not in dialect.file_tools:
        return None
    for argument in dialect.path_arguments:
        path = arguments.get(argument)
        if isinstance(path, str) and path:
            return (path,)
    raise UnreadableCall(
        f"the tool {tool!r} was called without the path of the file that it writes"
    )


def _paths_of_patch(tool: str, patch: str, directory: str) -> tuple[str, ...]:
    paths: dict[str, None] = {}
    for line in patch.split("\n"):
        if line.startswith(("+", "-")):
            continue  # A line that the patch adds or removes may look like anything.
        found = _PATCH_LINE.fullmatch(line.strip())
        if found is not None:
            paths[posixpath.join(directory, found[1].strip())] = None
    if not paths:
        raise UnreadableCall(f"the patch given to {tool!r} names no file")
    return tuple(paths)


def _directory(arguments: Mapping[str, object], command: str) -> str:
    """Where a shell command applies its patch; empty: where the agent works."""
    work = _text(arguments, "workdir", "cwd")
    found = _CHANGES_DIRECTORY.match(command)
    there = next((group for group in found.groups() if group), "") if found else ""
    return posixpath.join(work, there)


def _text(arguments: Mapping[str, object], *names: str) -> str:
    """The first of these arguments that is there; the words of a command as its lines."""
    for name in names:
        value = arguments.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list):
            return "\n".join(each for each in value if isinstance(each, str))
    return ""
