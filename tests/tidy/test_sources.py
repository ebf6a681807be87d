"""Habits that can be read off the sources: sizes, docstrings, calls that belong in one place."""

from __future__ import annotations

import ast
import re

import pytest

from agentd import errors
from tests.tidy.source_tree import ROOT, Source, sources, sources_beside

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

GENERATED = {"agentd.client.async_methods", "agentd.client.sync_methods"}
TABLES = {"agentd.errors", "agentd.protocol.methods", "agentd.protocol.examples"}
LONG_MODULES = GENERATED | TABLES
"""Tables may be long."""

BANNED_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|misc|manager)(_|$)")

each_source = pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)


@each_source
def test_a_module_holds_one_idea(source: Source) -> None:
    assert not BANNED_NAMES.search(source.name.rpartition(".")[2]), "name it after its idea"
    if source.name not in LONG_MODULES:
        assert source.lines <= MODULE_LINES_MAX, "split it where it holds two ideas"


@pytest.mark.parametrize("source", [*sources(), *sources_beside()], ids=lambda source: source.name)
def test_functions_are_short(source: Source) -> None:
    if source.name in GENERATED:
        return
    for function in source.functions():
        assert function.end_lineno is not None
        lines = function.end_lineno - function.lineno + 1
        assert lines <= FUNCTION_LINES_MAX, f"{source.name}.{function.name} has {lines} lines"


@each_source
def test_modules_and_public_names_are_explained(source: Source) -> None:
    if source.text.strip():
        assert ast.get_docstring(source.tree), f"{source.name} has no docstring"
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and (
            not node.name.startswith("_")
        ):
            assert ast.get_docstring(node), f"{source.name}.{node.name} has no docstring"


@each_source
def test_broad_excepts_stand_where_they_are_allowed(source: Source) -> None:
    allowed = {"agentd.core.dispatch", "agentd.core.incidents", "agentd.core.writer"}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            if broad and source.name not in allowed:
                reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                assert reraises, f"{source.name}:{node.lineno} swallows every exception"


@each_source
def test_the_environment_is_read_in_one_place(source: Source) -> None:
    # The hook is too short-lived to load the settings; `tests/hook` holds the two together.
    programs = ("agentd.hook.program", "agentd.guard.program")
    if source.name not in ("agentd.settings", *programs):
        assert not re.search(r"\bos\.(environ|getenv)\b", source.text), source.name


@each_source
def test_the_wall_clock_is_read_where_time_comes_in(source: Source) -> None:
    allowed = ("agentd.core.clock", "agentd.cli", "agentd.hook.program", "agentd.guard.program")
    for line, name in source.calls():
        if name in ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow"):
            assert source.name.startswith(allowed), f"{source.name}:{line} reads the clock"


@each_source
def test_no_shell_is_given_a_composed_command(source: Source) -> None:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.keyword) and node.arg == "shell":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False, f"{source.name}:{node.value.lineno}"


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    for source in sources():
        assert not marks.search(source.text), source.name


def test_every_module_is_in_the_package() -> None:
    for directory in {source.path.parent for source in sources()}:
        assert (directory / "__init__.py").exists(), directory.relative_to(ROOT)


@each_source
def test_messages_of_errors_read_alike(source: Source) -> None:
    """They stand behind `error: ` and inside other sentences."""
    kinds = {name for name, kind in vars(errors).items() if is_error(kind)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in kinds and len(node.args) > 1:
            first, last = ends_of(node.args[1])
            where = f"{source.name}:{node.lineno}"
            word = first.partition(" ")[0]
            assert not word.istitle(), f"{where}: it begins like a sentence"
            assert not last.endswith("."), f"{where}: it ends like a sentence"


def is_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, errors.AgentdError)


def ends_of(message: ast.expr) -> tuple[str, str]:
    """The first and the last stretch of a message that the source has word for word."""
    parts = message.values if isinstance(message, ast.JoinedStr) else [message]
    first, last = (
        str(part.value) if isinstance(part, ast.Constant) else "" for part in (parts[0], parts[-1])
    )
    return first, last
