"""Puts the guard into a repository's git hooks, takes it out, and says where it is.

What is there stays there and still runs; `uninstall` leaves every byte and mode as it was.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from agentd.guard import hook_file
from agentd.hook.ending import HookTrouble

_RUNNABLE: Final = 0o755


class State(StrEnum):
    """What a hook is."""

    GUARDED = "guarded"
    OUTDATED = "outdated"
    """The guard of another installation, or with another policy."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Hook:
    """One of a repository's hooks."""

    name: str
    path: Path
    state: State
    beside: str
    """What else runs there; empty where nothing does."""


def look(directory: Path, command: Sequence[str]) -> list[Hook]:
    """The hooks as they are. `command` is the guard's without the hook's name."""
    return [_look(directory, name, command) for name in hook_file.HOOKS]


def install(directory: Path, command: Sequence[str]) -> list[Hook]:
    """Puts the guard into all hooks. Raises `HookTrouble` and `OSError`."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in hook_file.HOOKS:
        _install(directory / name, name, _with_name(command, name))
    return look(directory, command)


def uninstall(directory: Path, command: Sequence[str]) -> list[Hook]:
    """Takes the guard out of all hooks."""
    for name in hook_file.HOOKS:
        _uninstall(directory / name)
    return look(directory, command)


def _look(directory: Path, name: str, command: Sequence[str]) -> Hook:
    path = directory / name
    text = _read(path)
    aside = _aside(path)
    if text is None or not hook_file.is_guarded(text) or not os.access(path, os.X_OK):
        state = State.MISSING
    elif hook_file.has_block(text, name, _with_name(command, name)):
        state = State.GUARDED
    else:
        state = State.OUTDATED
    if text and hook_file.unguarded(text):
        beside = name
    else:
        beside = aside.name if os.path.lexists(aside) else ""
    return Hook(name, path, state, beside)


def _install(path: Path, name: str, command: Sequence[str]) -> None:
    text = _read(path)
    if text is not None and hook_file.is_guarded(text):
        _write(path, hook_file.guarded(text, name, command), _mode(path))
    elif text is None and not path.is_symlink():
        _write(path, hook_file.guarded(None, name, command), _RUNNABLE)
    elif not path.is_symlink() and hook_file.is_shell(text or b"") and os.access(path, os.X_OK):
        _write(path, hook_file.guarded(text, name, command), _mode(path))
    else:
        # A program, a link into the repository, or a script that git does not run as it is.
        runs = os.access(path, os.X_OK)
        _move_aside(path)
        with_rest = hook_file.calling if runs else _alone
        _write(path, with_rest(name, command), _RUNNABLE)


def _move_aside(path: Path) -> None:
    """Raises `HookTrouble` where an earlier hook is there, which somebody has replaced since."""
    aside = _aside(path)
    if os.path.lexists(aside):
        raise HookTrouble(
            f"{path} cannot be moved aside, because {aside} is there already: remove the one of "
            "the two that is no longer wanted, and run the command again"
        )
    os.rename(path, aside)


def _alone(name: str, command: Sequence[str]) -> bytes:
    return hook_file.guarded(None, name, command)


def _uninstall(path: Path) -> None:
    text = _read(path)
    if text is None or not hook_file.is_guarded(text):
        return
    if (rest := hook_file.unguarded(text)) is not None:
        # Somebody's own, even where another hook was moved aside before it came.
        _write(path, rest, _mode(path))
    elif os.path.lexists(_aside(path)):
        os.replace(_aside(path), path)
    else:
        path.unlink()


def _aside(path: Path) -> Path:
    return path.with_name(path.name + hook_file.ASIDE)


def _with_name(command: Sequence[str], name: str) -> tuple[str, ...]:
    """The guard's command with the hook's name after the program."""
    where = next(index for index, word in enumerate(command) if word.endswith(".py")) + 1
    return (*command[:where], name, *command[where:])


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _write(path: Path, text: bytes, mode: int) -> None:
    """Replaces a file at once: git may start a hook at any moment."""
    new = path.with_name(f"{path.name}.agentd-new")
    new.write_bytes(text)
    new.chmod(mode)
    os.replace(new, path)
