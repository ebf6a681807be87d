"""What holds for whatever two sides do."""

from __future__ import annotations

import ast
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.conflicts.symbols.guard import SymbolGuard
from agentd.conflicts.symbols.languages import summarise
from agentd.conflicts.symbols.library import SummaryLibrary
from agentd.conflicts.symbols.python_signatures import call_shape, function_signature
from agentd.conflicts.symbols.summary import CallShape, Kind, Signature, Summary
from agentd.conflicts.symbols.summary_codec import decode, encode
from agentd.conflicts.symbols.tree_view import Listing, TreeView
from tests.conflicts.symbols.case_files import DIRECTORY, Case, read_cases
from tests.conflicts.symbols.trees import Trees, guard, strong

CASES = [case for path in sorted(DIRECTORY.glob("*.txt")) for case in read_cases(path.stem)]
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_side_never_breaks_against_itself_or_against_nothing(case: Case, tmp_path: Path) -> None:
    trees = Trees(case.base, tmp_path)
    for side in (case.left, case.right):
        assert strong(guard(trees, side, side)) == []
        assert strong(guard(trees, side, {"notes.txt": "unrelated\n"})) == []


PATHS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "a/", "a/b/"]),
    NAMES,
    st.sampled_from(["", ".py", ".pyi", ".x.py", ".py.orig"]),
)


@given(
    st.dictionaries(PATHS, st.just("1"), max_size=8),
    st.dictionaries(PATHS, st.sampled_from(["2", None]), max_size=5),
)
def test_a_file_is_found_by_its_stem_as_by_looking_through_its_directory(
    base: dict[str, str], changed: dict[str, str | None]
) -> None:
    view = TreeView(Listing(base), changed, SummaryLibrary(Trees({}, Path())))
    for stem in {path.partition(".")[0] for path in {*base, *changed, "a/nowhere"}}:
        inside = view.within(stem.rpartition("/")[0])
        assert view.with_stem(stem) == [each for each in inside if each.partition(".")[0] == stem]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_summary_survives_being_kept(case: Case) -> None:
    for files in (case.base, case.left, case.right):
        for path, content in files.items():
            summary = summarise(path, content.encode()) if content is not None else None
            if isinstance(summary, Summary):
                assert decode(encode(summary)) == summary


@st.composite
def signatures(draw: st.DrawFn) -> str:
    """The parameters of a function, as text."""
    names = draw(st.lists(NAMES, unique=True, max_size=5))
    kinds = sorted(draw(st.lists(st.integers(0, 2), min_size=len(names), max_size=len(names))))
    defaults = sorted(draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names))))
    parts = []
    shown_star = False
    for index, (name, kind, default) in enumerate(zip(names, kinds, defaults, strict=True)):
        if kind == 2 and not shown_star:
            parts.append(draw(st.sampled_from(["*", "*rest"])))
            shown_star = True
        parts.append(f"{name}=0" if default else name)
        if kind == 0 and (index + 1 == len(kinds) or kinds[index + 1] != 0):
            parts.append("/")
    if not shown_star and draw(st.booleans()):
        parts.append("*rest")
    if draw(st.booleans()):
        parts.append("**others")
    return ", ".join(parts)


@settings(deadline=None)
@given(
    signatures(),
    st.integers(0, 6),
    st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), unique=True, max_size=4),
)
def test_a_signature_takes_what_python_takes(
    parameters: str, positional: int, keywords: list[str]
) -> None:
    source = f"def function({parameters}): pass"
    scope: dict[str, object] = {}
    exec(source, scope)
    function = scope["function"]
    assert callable(function)
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    signature = function_signature(node, Kind.FUNCTION)
    assert signature is not None
    arguments = ["0"] * positional + [f"{name}=0" for name in keywords]
    call = ast.parse(f"function({', '.join(arguments)})", mode="eval").body
    assert isinstance(call, ast.Call)
    try:
        function(*[0] * positional, **dict.fromkeys(keywords, 0))
        binds = True
    except TypeError:
        binds = False
    assert signature.takes(call_shape(call)) is binds


def test_what_is_spread_cannot_be_refused() -> None:
    assert Signature(("a",), 1).takes(CallShape(7, ("b",), open=True))


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.text("abcdefgh", min_size=3, max_size=6), unique=True, min_size=4, max_size=8
    ).filter(lambda names: "def" not in names),
    st.data(),
)
def test_a_consistent_renaming_alarms_only_where_the_other_side_uses_the_name(
    names: list[str], data: st.DataObject
) -> None:
    """One side renames a function everywhere; the other calls some function from a new file."""
    *functions, fresh = names
    renamed = data.draw(st.sampled_from(functions))
    called = data.draw(st.sampled_from(functions))

    def library(known: list[str]) -> str:
        return "\n\n".join(f"def {name}(x):\n    return x\n" for name in known)

    def user(known: list[str]) -> str:
        calls = "\n".join(f"    {name}(1)" for name in known)
        return f"from lib.store import {', '.join(known)}\n\n\ndef run():\n{calls}\n"

    after = [fresh if name == renamed else name for name in functions]
    base = {"lib/store.py": library(functions), "lib/use.py": user(functions)}
    with TemporaryDirectory() as directory:
        trees = Trees(base, Path(directory))
        result = guard(
            trees,
            {"lib/store.py": library(after), "lib/use.py": user(after)},
            {"lib/new.py": f"from lib.store import {called}\n\n{called}(2)\n"},
        )
    wanted = [f"S1 {called}"] if called == renamed else []
    assert strong(result) == wanted


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(range(len(CASES))), min_size=2, max_size=2, unique=True))
def test_pairs_that_are_not_near_have_nothing_to_say(numbers: list[int]) -> None:
    cases = [CASES[number] for number in numbers]
    base: dict[str, str | None] = {}
    for case in cases:
        base.update(case.base)
    with TemporaryDirectory() as directory:
        trees = Trees(base, Path(directory))
        watch = SymbolGuard(trees)
        sides = [
            watch.prepare(trees.side(side)) for case in cases for side in (case.left, case.right)
        ]
        near = {(left, right): result for left, right, result in watch.near_pairs(sides)}
        for left in range(len(sides)):
            for right in range(left + 1, len(sides)):
                found = watch.pair(sides[left], sides[right])
                if (left, right) in near:
                    assert found == near[left, right]
                else:
                    assert (found.findings, found.grade.value) == ((), "none")
