"""The text of a git hook with the guard in it, and without it again. Pure; knows no file.

Where the hook is a shell script the guard is a block at its beginning, so that the rest still sees
its own name and arguments; anything else is moved aside and called by a script of ours.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Final

HOOKS: Final = ("pre-commit", "pre-push")
ASIDE: Final = ".before-agentd"
"""The end of the name under which a hook that is no shell script is kept."""

_BEGIN: Final = "# >>> agentd guard >>> `agentd-coord guard uninstall` takes this out again"
_BEGIN_ALONE: Final = f"{_BEGIN}, and the file with it"
_END: Final = "# <<< agentd guard <<<"
_SHEBANG: Final = b"#!/bin/sh\n"
_BLOCK: Final = re.compile(
    rb"^" + re.escape(_BEGIN.encode()) + rb"[^\n]*\n.*?^" + re.escape(_END.encode()) + rb"\n",
    re.DOTALL | re.MULTILINE,
)
_SHELL: Final = re.compile(
    rb"#![ \t]*(?:\S*/env[ \t]+(?:-S[ \t]+)?)?(?:\S*/)?"
    rb"(?:sh|bash|dash|ash|ksh|zsh)(?:[ \t][^\n]*)?\n"
)


def is_shell(text: bytes) -> bool:
    """Whether a hook is a script that a block of ours can stand in."""
    return _SHELL.match(text) is not None


def is_guarded(text: bytes) -> bool:
    """Whether the guard is in a hook."""
    return _BLOCK.search(text) is not None


def has_block(text: bytes, hook: str, command: Sequence[str]) -> bool:
    """Whether the guard is in a hook as it would be written now."""
    found = _BLOCK.search(text)
    return found is not None and found.group().partition(b"\n")[2] == _block(hook, command, _BEGIN)[
        len(_BEGIN) + 1 :
    ].encode("utf-8", "surrogateescape")


def guarded(text: bytes | None, hook: str, command: Sequence[str]) -> bytes:
    """A shell script, or nothing at all, with the guard in it, instead of an earlier one."""
    if text is None:
        return _SHEBANG + _encoded(_block(hook, command, _BEGIN_ALONE))
    block = _block(hook, command, _BEGIN)
    if found := _BLOCK.search(text):
        first = found.group().partition(b"\n")[0].decode("utf-8", "replace")
        return text[: found.start()] + _encoded(_block(hook, command, first)) + text[found.end() :]
    shebang = _SHELL.match(text)
    start = shebang.end() if shebang else 0
    return text[:start] + _encoded(block) + text[start:]


def calling(hook: str, command: Sequence[str]) -> bytes:
    """A script with the guard that goes on to the hook which was moved aside."""
    return _SHEBANG + _encoded(_block(hook, command, _BEGIN_ALONE)) + _encoded(_call_aside(hook))


def unguarded(text: bytes) -> bytes | None:
    """The hook without the guard; None: the file was made for the guard, and holds nothing else."""
    found = _BLOCK.search(text)
    if found is None:
        return text
    was_made = found.group().startswith(_BEGIN_ALONE.encode())
    rest = text[: found.start()] + text[found.end() :]
    made = (_SHEBANG, *(_SHEBANG + _encoded(_call_aside(hook)) for hook in HOOKS))
    return None if was_made and rest in made else rest


def _call_aside(hook: str) -> str:
    return f'exec "$(dirname "$0")/{hook}{ASIDE}" "$@"\n'


def _block(hook: str, command: Sequence[str], begin: str) -> str:
    python, program = shlex.quote(command[0]), shlex.quote(_program(command))
    line = shlex.join(command)
    if hook == "pre-push":
        # The guard reads what is pushed, and the rest of the hook reads it again.
        call = f'printf \'%s\\n\' "$agentd_pushed" | {line} -- "$@" || exit 1'
    else:
        call = f'{line} -- "$@" || exit 1'
    lines = [
        begin,
        *(["agentd_pushed=$(cat)"] if hook == "pre-push" else []),
        f"if [ -x {python} ] && [ -f {program} ]; then",
        f"    {call}",
        "else",
        "    echo 'agentd guard: the agentd that was installed here is gone, so nothing is guarded "
        "by locks. Run: agentd-coord guard install' >&2",
        "fi",
        *(_HAND_ON if hook == "pre-push" else ()),
        _END,
    ]
    return "\n".join(lines) + "\n"


_HAND_ON: Final = (
    'if [ -n "$agentd_pushed" ]; then',
    "    exec <<AGENTD_PUSHED",
    "$agentd_pushed",
    "AGENTD_PUSHED",
    "else",
    "    exec </dev/null",
    "fi",
)


def _program(command: Sequence[str]) -> str:
    """The file that the interpreter runs."""
    return next(word for word in command if word.endswith(".py"))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
