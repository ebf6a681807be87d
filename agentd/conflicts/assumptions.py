"""What an agent assumed, as far as it can be checked: how it is written, and whether it is true.

    path_exists:src/x.py                  a file or directory is there
    path_absent:src/x.py                  nothing of that name is there
    symbol_exists:src/x.py::Class.method  the file defines it
    signature:src/x.py::f(a, b)           it can be called as the stated one can
    file_sha256:src/x.py=<64 hex digits>  the file has exactly this content
    command:make lint exits 0             the command, where the policy allows it, ends so

Everything else is prose. What cannot be told is unknown, never false: a wrong alarm blocks good
work. Pure: trees are read through `TreeFiles`; commands are somebody else's.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, assert_never

from agentd.conflicts.findings import JsonObject
from agentd.conflicts.python_definitions import Unsure, defines, signature_problem, signature_text

_TEXT_CHARS_MAX: Final = 4096
_COMMAND: Final = re.compile(r"(?P<command>.*\S)\s+exits\s+(?P<code>\d{1,3})")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
PYTHON_ENDINGS: Final = (".py", ".pyi")


class AssumptionKind(StrEnum):
    """What an assumption is about; the value is how it begins."""

    PATH_EXISTS = "path_exists"
    PATH_ABSENT = "path_absent"
    SYMBOL_EXISTS = "symbol_exists"
    SIGNATURE = "signature"
    FILE_SHA256 = "file_sha256"
    COMMAND = "command"


_KINDS: Final = frozenset(kind.value for kind in AssumptionKind)


@dataclass(frozen=True, slots=True)
class Assumption:
    """One that can be checked."""

    text: str
    """As the agent wrote it."""
    kind: AssumptionKind
    path: str = ""
    """Empty for a command."""
    symbol: str = ""
    expected: str = ""
    """The signature, the digest, or the command."""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Misspelt:
    """One that begins like a checkable assumption, but does not go on like one."""

    text: str
    problem: str


class Truth(StrEnum):
    """Whether a tree bears an assumption."""

    HOLDS = "holds"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """The truth, and what was seen."""

    truth: Truth
    seen: str
    """A clause: `src/x.py is not there`."""

    def to_json(self) -> JsonObject:
        """The answer as evidence."""
        return {"truth": self.truth.value, "seen": self.seen}


class TreeFiles(Protocol):
    """One tree, to be asked about."""

    def exists(self, path: str) -> bool:
        """Whether there is a file, link, submodule or directory of this name."""
        ...

    def content(self, path: str) -> bytes | None:
        """The content of a file; None where there is none."""
        ...

    def symbols(self, path: str) -> Collection[str] | str:
        """The qualified names that a file defines that is not Python, or why nobody can tell."""
        ...


def parse_assumption(text: str) -> Assumption | Misspelt | None:
    """Reads an assumption; None for prose."""
    head, colon, rest = text.strip().partition(":")
    if not colon or head not in _KINDS or len(text) > _TEXT_CHARS_MAX:
        return None
    made = _PARSERS[AssumptionKind(head)](text, rest.strip())
    return Misspelt(text, made) if isinstance(made, str) else made


def _path(text: str) -> str | None:
    """A path of the repository in git's spelling, or None."""
    path = posixpath.normpath(text.strip())
    outside = path.startswith(("/", "../")) or path in (".", "..")
    return None if outside or not path.isprintable() else path


def _parse_exists(text: str, rest: str) -> Assumption | str:
    return _of_path(text, AssumptionKind.PATH_EXISTS, rest)


def _parse_absent(text: str, rest: str) -> Assumption | str:
    return _of_path(text, AssumptionKind.PATH_ABSENT, rest)


def _of_path(text: str, kind: AssumptionKind, rest: str) -> Assumption | str:
    path = _path(rest) if rest else None
    return Assumption(text, kind, path) if path else "a path inside the repository has to follow"


def _parse_symbol(text: str, rest: str) -> Assumption | str:
    path, name = _path_and_name(rest)
    if not path or not name or not re.fullmatch(r"[\w$]+(\.[\w$]+)*", name):
        return "write it as `symbol_exists:src/x.py::Class.method`"
    return Assumption(text, AssumptionKind.SYMBOL_EXISTS, path, name)


def _parse_signature(text: str, rest: str) -> Assumption | str:
    called, bracket, parameters = rest.partition("(")
    path, name = _path_and_name(called)
    expected = f"({parameters}".strip()
    if not path or not name or not bracket or not re.fullmatch(r"[\w$]+(\.[\w$]+)*", name):
        return "write it as `signature:src/x.py::f(a, b)`"
    if path.endswith(PYTHON_ENDINGS) and signature_text(expected) is None:
        return f"`{expected}` is no list of Python parameters"
    return Assumption(text, AssumptionKind.SIGNATURE, path, name, expected)


def _path_and_name(text: str) -> tuple[str | None, str]:
    path, separator, name = text.partition("::")
    return (_path(path) if separator and path.strip() else None), name.strip().replace("::", ".")


def _parse_digest(text: str, rest: str) -> Assumption | str:
    name, _, digest = rest.rpartition("=")
    path = _path(name) if name.strip() else None
    if not path or not _DIGEST.fullmatch(digest.strip().lower()):
        return "write it as `file_sha256:src/x.py=` and 64 hexadecimal digits"
    return Assumption(text, AssumptionKind.FILE_SHA256, path, expected=digest.strip().lower())


def _parse_command(text: str, rest: str) -> Assumption | str:
    found = _COMMAND.fullmatch(rest)
    if found is None or int(found["code"]) > 255:
        return "write it as `command:make lint exits 0`"
    return Assumption(
        text, AssumptionKind.COMMAND, expected=found["command"], exit_code=int(found["code"])
    )


_PARSERS: Final[dict[AssumptionKind, Callable[[str, str], Assumption | str]]] = {
    AssumptionKind.PATH_EXISTS: _parse_exists,
    AssumptionKind.PATH_ABSENT: _parse_absent,
    AssumptionKind.SYMBOL_EXISTS: _parse_symbol,
    AssumptionKind.SIGNATURE: _parse_signature,
    AssumptionKind.FILE_SHA256: _parse_digest,
    AssumptionKind.COMMAND: _parse_command,
}


def evaluate(assumption: Assumption, files: TreeFiles) -> Answer:
    """Whether a tree bears an assumption about its files."""
    path = assumption.path
    match assumption.kind:
        case AssumptionKind.PATH_EXISTS:
            there = files.exists(path)
            return _answer(f"{path} is {'' if there else 'not '}there", holds=there)
        case AssumptionKind.PATH_ABSENT:
            there = files.exists(path)
            return _answer(f"{path} is {'' if there else 'not '}there", holds=not there)
        case AssumptionKind.FILE_SHA256:
            content = files.content(path)
            if content is None:
                return Answer(Truth.FALSE, f"{path} is no file")
            digest = hashlib.sha256(content).hexdigest()
            return _answer(f"{path} has the digest {digest}", holds=digest == assumption.expected)
        case AssumptionKind.SYMBOL_EXISTS | AssumptionKind.SIGNATURE:
            return _about_symbol(assumption, files)
        case AssumptionKind.COMMAND:
            return Answer(Truth.UNKNOWN, "a command says nothing before it has run")
    assert_never(assumption.kind)


def _answer(seen: str, *, holds: bool) -> Answer:
    return Answer(Truth.HOLDS if holds else Truth.FALSE, seen)


def _about_symbol(assumption: Assumption, files: TreeFiles) -> Answer:
    path, symbol = assumption.path, assumption.symbol
    content = files.content(path)
    if content is None:
        return Answer(Truth.FALSE, f"{path} is no file")
    if not path.endswith(PYTHON_ENDINGS):
        return _about_foreign_symbol(assumption, files)
    found = defines(content, symbol)
    if isinstance(found, Unsure):
        return Answer(Truth.UNKNOWN, f"{symbol} in {path}: {found.why}")
    if not found:
        return Answer(Truth.FALSE, f"{path} does not define {symbol}")
    if assumption.kind is AssumptionKind.SYMBOL_EXISTS:
        return Answer(Truth.HOLDS, f"{path} defines {symbol}")
    problem = signature_problem(found, assumption.expected)
    if isinstance(problem, Unsure):
        return Answer(Truth.UNKNOWN, f"{symbol} in {path}: {problem.why}")
    if problem is not None:
        return Answer(Truth.FALSE, f"{symbol} in {path} {problem}")
    return Answer(Truth.HOLDS, f"{symbol} in {path} takes {assumption.expected}")


def _about_foreign_symbol(assumption: Assumption, files: TreeFiles) -> Answer:
    path, symbol = assumption.path, assumption.symbol
    names = files.symbols(path)
    if isinstance(names, str):
        return Answer(Truth.UNKNOWN, f"{path}: {names}")
    if symbol not in names:
        return Answer(Truth.FALSE, f"{path} does not define {symbol}")
    if assumption.kind is AssumptionKind.SIGNATURE:
        return Answer(Truth.UNKNOWN, f"signatures in {path} are not compared")
    return Answer(Truth.HOLDS, f"{path} defines {symbol}")
