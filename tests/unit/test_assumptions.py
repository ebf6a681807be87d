"""How assumptions are read, and what a tree says to each."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.conflicts.assumptions import (
    Assumption,
    AssumptionKind,
    Misspelt,
    Truth,
    evaluate,
    parse_assumption,
)

PYTHON = b'''
"""A file. \\w"""
from elsewhere import borrowed
import package.module

LIMIT, OTHER = 3, 4
if LIMIT:
    def chosen(a): ...
else:
    def chosen(a, b): ...


def plain(a, b=1, *, key, other=None): ...
def open_ended(first, *rest, **named): ...
async def later(url: str, timeout: float = 1.0) -> bytes: ...


class Base:
    shared = 1

    def inherited(self, x): ...


class Queue(Base):
    def __init__(self, size):
        self.size = size

    def put(self, item, *, block=True): ...

    @staticmethod
    def made(kind): ...


class Foreign(Base, package.module.Thing):
    def own(self): ...


@decorated
class Wrapped:
    def own(self): ...
'''


class Files:
    """A tree of a few files."""

    def __init__(self, files: Mapping[str, bytes], foreign: Collection[str] | str = ()) -> None:
        self._files = files
        self._foreign = foreign

    def exists(self, path: str) -> bool:
        return any(name == path or name.startswith(f"{path}/") for name in self._files)

    def content(self, path: str) -> bytes | None:
        return self._files.get(path)

    def symbols(self, path: str) -> Collection[str] | str:
        return self._foreign


TREE = Files(
    {
        "src/x.py": PYTHON,
        "src/star.py": b"from x import *\n",
        "src/broken.py": b"def f(:\n",
        "web/a.js": b"function f() {}\n",
    },
    {"f"},
)
DIGEST = hashlib.sha256(PYTHON).hexdigest()


def truth(text: str, files: Files = TREE) -> Truth:
    assumption = parse_assumption(text)
    assert isinstance(assumption, Assumption), assumption
    return evaluate(assumption, files).truth


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path_exists:src/x.py", Truth.HOLDS),
        ("path_exists: ./src/../src/x.py ", Truth.HOLDS),
        ("path_exists:src", Truth.HOLDS),
        ("path_exists:src/y.py", Truth.FALSE),
        ("path_exists:SRC/x.py", Truth.FALSE),
        ("path_absent:src/y.py", Truth.HOLDS),
        ("path_absent:src/", Truth.FALSE),
        (f"file_sha256:src/x.py={DIGEST}", Truth.HOLDS),
        (f"file_sha256:src/x.py={DIGEST.upper()}", Truth.HOLDS),
        (f"file_sha256:src/x.py={'0' * 64}", Truth.FALSE),
        (f"file_sha256:src={DIGEST}", Truth.FALSE),
        ("symbol_exists:src/x.py::plain", Truth.HOLDS),
        ("symbol_exists:src/x.py::later", Truth.HOLDS),
        ("symbol_exists:src/x.py::LIMIT", Truth.HOLDS),
        ("symbol_exists:src/x.py::OTHER", Truth.HOLDS),
        ("symbol_exists:src/x.py::borrowed", Truth.HOLDS),
        ("symbol_exists:src/x.py::package", Truth.HOLDS),
        ("symbol_exists:src/x.py::chosen", Truth.HOLDS),
        ("symbol_exists:src/x.py::Queue.put", Truth.HOLDS),
        ("symbol_exists:src/x.py::Queue.size", Truth.HOLDS),
        ("symbol_exists:src/x.py::Queue.inherited", Truth.HOLDS),
        ("symbol_exists:src/x.py::Queue.shared", Truth.HOLDS),
        ("symbol_exists:src/x.py::Queue.get", Truth.FALSE),
        ("symbol_exists:src/x.py::Foreign.get", Truth.UNKNOWN),
        ("symbol_exists:src/x.py::Foreign.own", Truth.HOLDS),
        ("symbol_exists:src/x.py::Wrapped.more", Truth.UNKNOWN),
        ("symbol_exists:src/x.py::borrowed.more", Truth.UNKNOWN),
        ("symbol_exists:src/x.py::put", Truth.FALSE),
        ("symbol_exists:src/star.py::anything", Truth.UNKNOWN),
        ("symbol_exists:src/broken.py::f", Truth.UNKNOWN),
        ("symbol_exists:src/none.py::f", Truth.FALSE),
        ("symbol_exists:web/a.js::f", Truth.HOLDS),
        ("symbol_exists:web/a.js::g", Truth.FALSE),
        ("signature:web/a.js::f(a)", Truth.UNKNOWN),
        ("signature:src/x.py::plain(a, *, key)", Truth.HOLDS),
        ("signature:src/x.py::plain(a, b, *, key, other)", Truth.HOLDS),
        ("signature:src/x.py::plain(a, b=1, *, key)", Truth.HOLDS),
        ("signature:src/x.py::plain(a, b=..., *, key)", Truth.HOLDS),
        ("signature:src/x.py::plain(a, b=2, *, key)", Truth.FALSE),
        ("signature:src/x.py::plain(a=1, *, key)", Truth.FALSE),
        ("signature:src/x.py::plain(a)", Truth.FALSE),
        ("signature:src/x.py::plain(b, a, *, key)", Truth.FALSE),
        ("signature:src/x.py::plain(a, b, c, *, key)", Truth.FALSE),
        ("signature:src/x.py::plain(a, *, key, more)", Truth.FALSE),
        ("signature:src/x.py::plain(a, *rest, key)", Truth.FALSE),
        ("signature:src/x.py::plain(a, *, key, **more)", Truth.FALSE),
        ("signature:src/x.py::open_ended(first, *, anything, **more)", Truth.HOLDS),
        ("signature:src/x.py::later(url)", Truth.HOLDS),
        ("signature:src/x.py::later(url: str, timeout: float = 1.0) -> bytes", Truth.HOLDS),
        ("signature:src/x.py::later(url: bytes)", Truth.FALSE),
        ("signature:src/x.py::later(url) -> str", Truth.FALSE),
        ("signature:src/x.py::chosen(a)", Truth.HOLDS),
        ("signature:src/x.py::chosen(a, b)", Truth.HOLDS),
        ("signature:src/x.py::chosen(a, b, c)", Truth.FALSE),
        ("signature:src/x.py::Queue.put(item)", Truth.HOLDS),
        ("signature:src/x.py::Queue.put(self, item, *, block=True)", Truth.HOLDS),
        ("signature:src/x.py::Queue.put(self, thing)", Truth.FALSE),
        ("signature:src/x.py::Queue.made(kind)", Truth.HOLDS),
        ("signature:src/x.py::Queue(size)", Truth.HOLDS),
        ("signature:src/x.py::Queue()", Truth.FALSE),
        ("signature:src/x.py::Base()", Truth.UNKNOWN),
        ("signature:src/x.py::LIMIT(a)", Truth.UNKNOWN),
        ("signature:src/x.py::missing(a)", Truth.FALSE),
        ("command:make lint exits 0", Truth.UNKNOWN),
    ],
)
def test_what_a_tree_says(text: str, expected: Truth) -> None:
    assert truth(text) is expected


def test_why_a_language_is_not_read_is_said() -> None:
    assumption = parse_assumption("symbol_exists:a.rb::f")
    assert isinstance(assumption, Assumption)
    answer = evaluate(assumption, Files({"a.rb": b"def f\nend\n"}, "no analyser for .rb files"))
    assert answer.truth is Truth.UNKNOWN
    assert "no analyser" in answer.seen


def test_a_command_is_read_with_its_exit_code() -> None:
    assumption = parse_assumption("command: sh -c 'x exits 3 y' exits 2")
    assert isinstance(assumption, Assumption)
    assert assumption.kind is AssumptionKind.COMMAND
    assert (assumption.expected, assumption.exit_code) == ("sh -c 'x exits 3 y'", 2)


@pytest.mark.parametrize(
    "text",
    [
        "path_exists:",
        "path_exists:../outside",
        "path_exists:/etc/passwd",
        "path_exists:a\nb",
        "path_absent:.",
        "symbol_exists:src/x.py",
        "symbol_exists:src/x.py::",
        "symbol_exists:::f",
        "symbol_exists:src/x.py::f()",
        "signature:src/x.py::f",
        "signature:src/x.py::f(a",
        "signature:src/x.py::f(a): pass\ndef g()",
        "file_sha256:src/x.py",
        "file_sha256:src/x.py=abc",
        "command:make lint",
        "command:make lint exits 300",
        "command: the user runs it",
    ],
)
def test_what_only_begins_like_an_assumption_is_said_to_be_misspelt(text: str) -> None:
    assert isinstance(parse_assumption(text), Misspelt)


@pytest.mark.parametrize(
    "text", ["static HTML site", "", "note: nothing", "Path_exists:x", "path_exists", "x" * 9000]
)
def test_prose_stays_prose(text: str) -> None:
    assert parse_assumption(text) is None


@given(st.text(max_size=60), st.sampled_from([f"{kind.value}:" for kind in AssumptionKind]))
def test_any_text_is_read_without_an_accident(text: str, head: str) -> None:
    parsed = parse_assumption(head + text)
    assert parsed is not None
    if isinstance(parsed, Assumption):
        evaluate(parsed, TREE)
