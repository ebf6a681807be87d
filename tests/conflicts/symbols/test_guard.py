"""What the guard reads, asks for, keeps and says it did not look at."""

from __future__ import annotations

import builtins
import gc
import sqlite3
import symtable
import sys
from ast import Module
from contextlib import closing
from pathlib import Path

import pytest

from agentd.conflicts.symbols import syntax
from agentd.conflicts.symbols.findings import Grade, Level, WhichSide
from agentd.conflicts.symbols.guard import SymbolGuard, guard_pair
from agentd.conflicts.symbols.languages import NotRead, summarise
from agentd.conflicts.symbols.library import FILE_BYTES_MAX
from agentd.conflicts.symbols.mapping_keys import read_mapping
from agentd.conflicts.symbols.python_summary import read_python
from agentd.conflicts.symbols.sides import Side
from agentd.conflicts.symbols.summary import Summary
from agentd.conflicts.symbols.summary_cache import SummaryCache
from agentd.conflicts.symbols.syntax import SyntaxReader
from tests.conflicts.symbols.trees import NAMES, Trees, guard, strong

STORE = "def load(path):\n    return path\n\n\ndef save(path):\n    return path\n"
BASE = {
    "app/store.py": STORE,
    "app/run.py": "def run(a):\n    return a\n\n\nclass Box:\n    def put(self, item):\n"
    "        return item\n\n    def get(self):\n        return 1\n",
}


def test_an_unrelated_pair_costs_no_merge(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    watch = SymbolGuard(trees)
    left = watch.prepare(trees.side({"app/store.py": STORE + "\n\nX = 1\n"}))
    right = watch.prepare(trees.side({"app/new.py": "def other():\n    return 2\n"}))
    assert watch.pair(left, right).findings == ()
    assert trees.merges == 0


def test_a_suspicion_that_the_sides_settle_costs_no_merge(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    watch = SymbolGuard(trees)
    moved = {"app/store.py": "from app.files import load, save\n", "app/files.py": STORE}
    left = watch.prepare(trees.side(moved))
    right = watch.prepare(trees.side({"app/new.py": "from app.store import load\n"}))
    assert watch.pair(left, right).findings == ()
    assert trees.merges == 0


def test_every_blob_is_read_once(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    watch = SymbolGuard(trees)
    left = watch.prepare(trees.side({"app/store.py": "X = 1\n"}))
    right = watch.prepare(trees.side({"app/new.py": "from app.store import load\n"}))
    for _ in range(3):
        assert strong(watch.pair(left, right)) == ["S1 load"]
    assert len(trees.reads) == len(set(trees.reads))


def test_kept_summaries_are_not_read_again(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    left = trees.side({"app/store.py": "X = 1\n"})
    right = trees.side({"app/new.py": "from app.store import load\n"})
    cache = SummaryCache(tmp_path / "summaries")
    first = guard_pair(left, right, trees, cache)
    trees.reads.clear()
    assert guard_pair(left, right, trees, SummaryCache(tmp_path / "summaries")) == first
    assert trees.reads == []


SMALL_FILES = {
    "a.py": "import os\n\n\nclass Box:\n    def get(self):\n        return os.sep\n",
    "old.py": "print 'no'\n",
    "a.go": "package a\n\nfunc Load() int { return 1 }\n",
    "a.rs": "pub fn load() -> u8 { 1 }\n",
    "A.java": "class A { int load() { return 1; } }\n",
    "a.js": "export function load() { return 1; }\n",
    "a.ts": "export function load(): number { return 1; }\n",
}


@pytest.mark.parametrize("path", SMALL_FILES)
def test_what_was_read_for_a_summary_is_free_without_the_collector(path: str) -> None:
    """Files are read by the thousand with the collector off."""
    gc.disable()
    gc.freeze()  # What other tests left is of no interest, and may be millions of objects.
    try:
        assert isinstance(summarise(path, SMALL_FILES[path].encode()), Summary)
        assert [each for each in gc.get_objects() if isinstance(each, (Module, SyntaxReader))] == []
    finally:
        gc.unfreeze()
        gc.enable()


def test_the_collector_is_as_it_was_after_reading(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    before = gc.get_threshold()
    SymbolGuard(trees).prepare(trees.side({"app/store.py": "X = 1\n"}))
    assert gc.get_threshold() == before
    assert gc.isenabled()


def test_damaged_summaries_are_read_again(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    left = trees.side({"app/store.py": "X = 1\n"})
    right = trees.side({"app/new.py": "from app.store import load\n"})
    cache = SummaryCache(tmp_path / "summaries")
    first = guard_pair(left, right, trees, cache)
    damages = [b"", b"[]", b"{}", b"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]"]
    with closing(sqlite3.connect(tmp_path / "summaries")) as kept, kept:
        rows = [rowid for (rowid,) in kept.execute("SELECT rowid FROM summaries")]
        assert rows
        for number, rowid in enumerate(rows):
            damage = damages[number % len(damages)]
            kept.execute("UPDATE summaries SET summary = ? WHERE rowid = ?", (damage, rowid))
    assert guard_pair(left, right, trees, cache) == first
    (tmp_path / "summaries").write_bytes(b"no database, but long enough to be looked at" * 99)
    assert guard_pair(left, right, trees, cache) == first
    assert guard_pair(left, right, trees, cache) == first


def test_sides_of_different_bases_are_no_pair(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    with pytest.raises(ValueError, match="same tree"):
        guard_pair(Side("base", {}), Side("other", {}), trees)


def test_what_was_not_read_is_said(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    large = "x = 1\n" * (FILE_BYTES_MAX // 6 + 1)
    result = guard(
        trees,
        {"lib/a.rb": "def a; end\n", "app/large.py": large, "README.md": "text\n"},
        {"lib/b.kt": "fun b() {}\n"},
    )
    said = {(each.side, each.path): each.reason for each in result.not_analysed}
    assert set(said) == {
        (WhichSide.LEFT, "lib/a.rb"),
        (WhichSide.LEFT, "app/large.py"),
        (WhichSide.RIGHT, "lib/b.kt"),
    }
    assert "larger" in said[WhichSide.LEFT, "app/large.py"]


def test_a_file_with_syntax_errors_is_said(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    result = guard(trees, {"app/odd.py": "def broken(:\n"}, {"app/fine.py": "X = 1\n"})
    assert [(each.path, each.reason) for each in result.not_analysed] == [
        ("app/odd.py", "it has syntax errors")
    ]


def test_a_file_that_grew_too_large_was_not_removed(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    large = STORE + "x = 1\n" * (FILE_BYTES_MAX // 6 + 1)
    assert (
        guard(trees, {"app/store.py": large}, {"app/new.py": "import app.store\n"}).findings == ()
    )


def test_a_missing_grammar_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syntax._parser.cache_clear()
    monkeypatch.setitem(sys.modules, "tree_sitter_go", None)
    found = summarise("a.go", b"package a\n")
    assert isinstance(found, NotRead)
    assert found.reason == "the grammar tree_sitter_go is not installed"
    result = guard(Trees(BASE, tmp_path), {"a.go": "package a\n"}, {"b.py": "X = 1\n"})
    assert [each.path for each in result.not_analysed] == ["a.go"]


def test_python_is_read_without_any_grammar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syntax._parser.cache_clear()
    monkeypatch.setitem(sys.modules, "tree_sitter_python", None)
    old = summarise("a.py", b"print 1\n")
    assert isinstance(old, Summary)
    assert not old.parsed
    result = guard(
        Trees(BASE, tmp_path), {"app/store.py": "X = 1\n"}, {"n.py": "from app.store import load\n"}
    )
    assert strong(result) == ["S1 load"]


def test_the_lines_are_those_that_break(tmp_path: Path) -> None:
    base = "import os\nimport sys\n\n\ndef one():\n    return os.sep\n\n\nX = 1\n\n\nY = 2\n"
    trees = Trees({"a.py": base}, tmp_path)
    left = base.replace("import os\n", "").replace("os.sep", '"/"')
    result = guard(trees, {"a.py": left}, {"a.py": base + "Z = os.getcwd()\n"})
    assert [(each.change.line, each.meets.line) for each in result.blocking] == [(1, 13)]
    assert result.blocking[0].sentence(NAMES) == (
        "a.py:13 of bob uses `os`, which ann removed from a.py:1; "
        "adapt one of the two to the other."
    )


def test_what_moved_is_told_from_what_is_only_called_the_same(tmp_path: Path) -> None:
    base = "class Box:\n    def put(self):\n        return 1\n\n\ndef load():\n    return 1\n"
    trees = Trees({"a.py": base}, tmp_path)
    left = {
        "a.py": "class Box:\n    size = 1\n",
        "b.py": "def put():\n    return 2\n",
        "c.py": "def load():\n    return 1\n",
    }
    right = {"d.py": "from a import Box, load\n\nload()\nBox().put()\n"}
    messages = [each.sentence(NAMES) for each in guard(trees, left, right).blocking]
    assert ["it is now in c.py:1" in message for message in messages] == [True, False]
    assert not any("b.py" in message for message in messages)


RUN = "export function run(a, b) { check(b); return start(a); }\n"
BOX = "export class Box { get() { return 1; } put(a) { return a; } }\n"


@pytest.mark.parametrize(
    ("name", "elsewhere", "known"),
    [
        ("run", RUN, True),
        ("run", RUN.replace("check(b)", "verify(b)"), True),
        ("run", RUN.replace("return start(a)", "return a + 1 "), True),
        ("run", RUN.replace("check(b); return start(a)", "return 1"), False),
        ("run", RUN.replace("export ", ""), False),
        ("run", "export const run = 1;\n", False),
        ("Box", BOX, True),
        ("Box", BOX.replace("return 1", "return 2"), True),
        ("Box", "export class Box { open() { return 1; } }\n", False),
    ],
)
def test_where_a_name_is_now_is_told_where_that_is_sure(
    tmp_path: Path, name: str, elsewhere: str, known: bool
) -> None:
    trees = Trees({"src/a.js": RUN + BOX}, tmp_path)
    left = {"src/a.js": "export const other = 1;\n", "src/b.js": elsewhere}
    right = {"src/c.js": f"import {{ {name} }} from './a';\n\n{name};\n"}
    (found,) = guard(trees, left, right).blocking
    place = "src/a.js:1" if name == "run" else "src/a.js:2"
    hint = " (it is now in src/b.js:1)" if known else ""
    assert found.sentence(NAMES, "") == (
        f"src/c.js:1 of bob imports `{name} from ./a`, which ann removed from {place}{hint}."
    )


def test_a_name_that_is_now_in_two_places_or_was_a_default_is_nowhere(tmp_path: Path) -> None:
    box = BOX.replace("class", "default class")
    trees = Trees({"src/a.js": RUN + box}, tmp_path)
    left = {"src/a.js": "export const x = 1;\n", "src/b.js": RUN + box, "src/d.js": RUN}
    right = {"src/c.js": "import Box, { run } from './a';\n\nrun(new Box());\n"}
    said = [found.sentence(NAMES) for found in guard(trees, left, right).blocking]
    assert len(said) == 2
    assert not any("now in" in sentence for sentence in said)


def test_rust_names_are_written_as_in_rust(tmp_path: Path) -> None:
    base = {
        "src/lib.rs": "mod store;\nmod run;\n",
        "src/store.rs": "pub fn load() {}\n\npub enum Color { Red, Blue }\n",
        "src/run.rs": "pub fn run() {}\n",
    }
    left = {"src/store.rs": "pub enum Color { Blue }\n"}
    right = {
        "src/run.rs": "use crate::store::{load, Color};\n\n"
        "pub fn run() -> Color { load(); Color::Red }\n"
    }
    result = guard(Trees(base, tmp_path), left, right)
    assert [each.sentence(NAMES, "") for each in result.blocking] == [
        "src/run.rs:1 of bob imports `crate::store::load`, which ann removed from src/store.rs:1.",
        "src/run.rs:3 of bob uses `Color::Red`, which ann removed from src/store.rs:3.",
    ]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("load('x')", "needs `mode`"),
        ("load('x', 'r', 3)", "takes no more than 2 by position"),
        ("load(path='x', mode='r', size=1)", "takes no `size`"),
    ],
)
def test_a_refused_call_says_why(tmp_path: Path, call: str, reason: str) -> None:
    trees = Trees({"a.py": "def load(path, mode=1, size=2):\n    return path\n"}, tmp_path)
    new = "def load(path, mode):\n    return path\n"
    result = guard(trees, {"a.py": new}, {"b.py": f"from a import load\n\n{call}\n"})
    assert strong(result) == ["S4 load"]
    assert reason in result.blocking[0].sentence(NAMES)


def test_a_text_conflict_is_not_the_guards(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    left = trees.side({"app/store.py": "X = 1\n", "app/run.py": "A = 1\n"})
    right = trees.side({"app/new.py": "from app.store import load\n", "app/run.py": "B = 1\n"})
    assert guard_pair(left, right, trees).blocking == []


@pytest.mark.parametrize(
    ("left", "right", "grade"),
    [
        (("run(a)", "run(a, b=1)"), ("return a", "return a + 1"), Grade.SAME_FUNCTION),
        (("return item", "return item + 1"), ("return 1", "return 2"), Grade.SAME_CLASS),
        (("return a", "return a + 1"), ("return 1", "return 2"), Grade.NONE),
    ],
)
def test_grades(
    tmp_path: Path, left: tuple[str, str], right: tuple[str, str], grade: Grade
) -> None:
    trees = Trees(BASE, tmp_path)
    watch = SymbolGuard(trees)
    prepared = [
        watch.prepare(trees.side({"app/run.py": BASE["app/run.py"].replace(*change)}))
        for change in (left, right)
    ]
    assert watch.pair(prepared[0], prepared[1]).grade is grade


def test_neighbours_and_member_doubts(tmp_path: Path) -> None:
    trees = Trees(BASE, tmp_path)
    result = guard(
        trees,
        {"app/run.py": BASE["app/run.py"].replace("    def get(self):\n        return 1\n", "")},
        {"app/new.py": "def use(box):\n    return box.get()\n"},
    )
    assert [each.level for each in result.findings] == [Level.MEMBER]
    assert result.blocking == []
    neighbours = guard(
        trees,
        {"app/store.py": STORE.replace("return path\n\n\n", "return path + 1\n\n\n")},
        {"app/new.py": "from app.store import load\n\n\ndef use():\n    return load(1)\n"},
    )
    assert neighbours.grade is Grade.NEIGHBOURS
    assert neighbours.grade_names == ("app/new.py::use -> load",)


def test_a_data_file_that_no_longer_reads(tmp_path: Path) -> None:
    assert not read_mapping("a.json", b'{"a": 1').parsed
    assert read_mapping("a.json", b'{"a": 1,} // x').parsed
    assert not read_mapping("a.json", b'{"a": 1,}').plain
    assert read_mapping("a.json", b'{"a": ",] // x"}').plain
    assert not read_mapping("a.toml", b"a = 1\na = 2\n").parsed
    assert read_mapping("a.json", b'{"a": {"b": 1}, "c": {"b": 1}}').twice == {}


def test_a_key_that_toml_refuses_twice_is_named(tmp_path: Path) -> None:
    base = "[one]\na = 1\nb = 2\nc = 3\n"
    trees = Trees({"x.toml": base}, tmp_path)
    sides = [base.replace("a = 1\n", "limit = 1\na = 1\n"), base + "limit = 2\n"]
    (found,) = guard(trees, {"x.toml": sides[0]}, {"x.toml": sides[1]}).blocking
    assert [found.change.line, found.meets.line] == [2, 5]
    assert "near `limit`: Cannot overwrite a value" in found.sentence(NAMES)


def _free_names(table: symtable.SymbolTable) -> set[str]:
    names = {
        each.get_name()
        for each in table.get_symbols()
        if each.is_referenced() and (each.is_global() or table.get_type() == "module")
    }
    for child in table.get_children():
        names |= _free_names(child)
    return names


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[3].glob("agentd/**/*.py")), ids=lambda path: path.stem
)
def test_scopes_are_those_of_python(path: Path) -> None:
    """The names that a file takes from its top level are the ones that the compiler finds."""
    source = path.read_text()
    summary = read_python(source)
    assert summary is not None
    every = {use.name for use in summary.uses if not use.owner}
    # Annotations are not evaluated here, and the compiler leaves them out.
    evaluated = {use.name for use in summary.uses if not use.owner and not use.guarded}
    theirs = _free_names(symtable.symtable(source, str(path), "exec"))
    imported_inside = {each.local for each in summary.imports} - summary.bound
    assert theirs <= every
    assert evaluated - theirs <= {each.local for each in summary.imports}
    known = {*dir(builtins), "__file__", "__name__", "__doc__"}
    assert every - summary.bound - imported_inside <= known
