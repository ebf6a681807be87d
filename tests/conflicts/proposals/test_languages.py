"""What is merged in JavaScript, TypeScript, Go, Rust and Java, and what must not be."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agentd.conflicts.proposals.readers import reader_of
from tests.conflicts.proposals.merging import (
    Both,
    check_left_alone,
    check_merged,
    merged,
    why_not,
)

MERGED = [
    Both(
        "imports and functions",
        "a.ts",
        'import { z } from "z";\n\nconst last = 1;\n@\n',
        "\nexport function two(): number {\n  return 2;\n}\n",
        "\n/** Why. */\nexport const three = () => 3;\n",
        "\nexport function two(): number {\n  return 2;\n}\n"
        "\n/** Why. */\nexport const three = () => 3;\n",
    ),
    Both(
        "tests of a suite",
        "a.test.js",
        'describe("a", () => {\n  it("one", () => {});\n@\n});\n',
        '  it("two", () => {\n    expect(2);\n  });\n',
        '  it("three", () => {\n    assert.ok(three);\n  });\n',
        '  it("two", () => {\n    expect(2);\n  });\n'
        '  it("three", () => {\n    assert.ok(three);\n  });\n',
    ),
    Both(
        "methods",
        "a.js",
        "class A {\n  one() {\n    return 1;\n  }\n@\n}\n",
        "\n  two() {\n    return 2;\n  }\n",
        "\n  async three(x) {\n    await x;\n  }\n",
        "\n  two() {\n    return 2;\n  }\n\n  async three(x) {\n    await x;\n  }\n",
    ),
    Both(
        "imports",
        "a.go",
        'package a\n\nimport (\n\t"bytes"\n\t"fmt"\n@\n\t"time"\n)\n',
        '\t"sort"\n',
        '\t"os"\n',
        '\t"os"\n\t"sort"\n',
    ),
    Both(
        "methods",
        "a.go",
        "package a\n\ntype T int\n@\n",
        "\n// Two is two.\nfunc (t *T) Two() int {\n\treturn 2\n}\n",
        "\nfunc (t T) Three(s string) {\n\tprintln(s)\n}\n",
        "\n// Two is two.\nfunc (t *T) Two() int {\n\treturn 2\n}\n"
        "\nfunc (t T) Three(s string) {\n\tprintln(s)\n}\n",
    ),
    Both(
        "tests with their attributes",
        "a.rs",
        "mod tests {\n    #[test]\n    fn one() {}\n@\n}\n",
        "\n    #[test]\n    fn two() {\n        assert!(a(2));\n    }\n",
        "\n    #[test]\n    #[ignore]\n    fn three() {\n        b.c();\n    }\n",
        "\n    #[test]\n    fn two() {\n        assert!(a(2));\n    }\n"
        "\n    #[test]\n    #[ignore]\n    fn three() {\n        b.c();\n    }\n",
    ),
    Both(
        "uses",
        "a.rs",
        "use std::fmt;\nuse std::io;\n@\n\nfn f() {}\n",
        "use std::rc::Rc;\n",
        "use std::path::Path;\n",
        "use std::path::Path;\nuse std::rc::Rc;\n",
    ),
    Both(
        "overloads",
        "A.java",
        "class A {\n    void f() {}\n@\n}\n",
        "\n    void f(int a) {\n        g(a);\n    }\n",
        "\n    @Override\n    public String toString() {\n        return null;\n    }\n",
        "\n    void f(int a) {\n        g(a);\n    }\n"
        "\n    @Override\n    public String toString() {\n        return null;\n    }\n",
    ),
    Both(
        "imports",
        "a.js",
        'import a from "a";\n@\nimport z from "z";\n',
        'import { x as y } from "x";\n',
        'import * as b from "b";\n',
        'import { x as y } from "x";\nimport * as b from "b";\n',
    ),
    Both(
        "names of one import",
        "a.ts",
        'import {\n  a,\n  d,\n@\n  z,\n} from "m";\n',
        "  type x,\n",
        "  e as f,\n",
        "  e as f,\n  type x,\n",
    ),
    Both(
        "names that are passed on",
        "a.ts",
        'export { a } from "a";\n@\n',
        'export { x } from "x";\n',
        'export { b } from "b";\n',
        'export { x } from "x";\nexport { b } from "b";\n',
    ),
    Both(
        "members of an object",
        "a.js",
        "module.exports = {\n  a: 1,\n@\n};\n",
        "  // Why.\n  x() {\n    return 2;\n  },\n",
        "  'b': [\n    3,\n  ],\n",
        "  // Why.\n  x() {\n    return 2;\n  },\n  'b': [\n    3,\n  ],\n",
    ),
    Both(
        "methods with decorators",
        "a.ts",
        "class A {\n  one() {}\n@\n}\n",
        "\n  @Input()\n  two(): void {\n    a(2);\n  }\n",
        "\n  /** Why. */\n  @Output({ b: 1 })\n  three(): string {\n    return 'c';\n  }\n",
        "\n  @Input()\n  two(): void {\n    a(2);\n  }\n\n  /** Why. */\n"
        "  @Output({ b: 1 })\n  three(): string {\n    return 'c';\n  }\n",
    ),
    Both(
        "members of an interface",
        "a.tsx",
        "interface P {\n  a: string;\n@\n}\n",
        "  x?: number;\n",
        "  b: () => void;\n",
        "  x?: number;\n  b: () => void;\n",
    ),
    Both(
        "components",
        "a.tsx",
        "const A = () => <p />;\n@\n",
        "\nexport const B = () => <b>x</b>;\n",
        "\nexport default function C() {\n  return <i />;\n}\n",
        "\nexport const B = () => <b>x</b>;\n\nexport default function C() {\n  return <i />;\n}\n",
    ),
    Both(
        "functions and types",
        "a.go",
        "package a\n@\n",
        "\n// Two is two.\n// Really.\nfunc Two() int {\n\treturn 2\n}\n",
        "\ntype Three struct {\n\tX int\n}\n",
        "\n// Two is two.\n// Really.\nfunc Two() int {\n\treturn 2\n}\n\n"
        "type Three struct {\n\tX int\n}\n",
    ),
    Both(
        "imports with other names",
        "a.go",
        'package a\n\nimport (\n\t"fmt"\n@\n)\n',
        '\tx "a/b/v2"\n',
        '\t_ "c/d"\n',
        '\tx "a/b/v2"\n\t_ "c/d"\n',
    ),
    Both(
        "entries of a map",
        "a.go",
        'package a\n\nvar m = map[string]int{\n\t"a": 1,\n@\n}\n',
        '\t"x": 2,\n',
        '\t// Why.\n\t"b": 3,\n',
        '\t"x": 2,\n\t// Why.\n\t"b": 3,\n',
    ),
    Both(
        "uses of several names",
        "a.rs",
        "use std::fmt;\n@\n\nfn f() {}\n",
        "use x::{self, y as w};\n",
        "pub use b::c;\n",
        "use x::{self, y as w};\npub use b::c;\n",
    ),
    Both(
        "implementations",
        "a.rs",
        "struct A;\n@\n",
        "\nimpl fmt::Display for A {\n    fn fmt(&self) {}\n}\n",
        "\nimpl From<B> for A {\n    fn from(b: B) -> Self {\n        A\n    }\n}\n",
        "\nimpl fmt::Display for A {\n    fn fmt(&self) {}\n}\n\n"
        "impl From<B> for A {\n    fn from(b: B) -> Self {\n        A\n    }\n}\n",
    ),
    Both(
        "methods with their documentation",
        "a.rs",
        "impl A {\n    fn one() {}\n@\n}\n",
        "\n    /// Two.\n    pub fn two(&self) {\n        a(2);\n    }\n",
        "\n    // Why.\n    #[inline]\n    fn three() -> u8 {\n        3\n    }\n",
        "\n    /// Two.\n    pub fn two(&self) {\n        a(2);\n    }\n\n"
        "    // Why.\n    #[inline]\n    fn three() -> u8 {\n        3\n    }\n",
    ),
    Both(
        "imports in order",
        "A.java",
        "import a.A;\nimport a.C;\n@\nimport z.Z;\n",
        "import d.D;\n",
        "import b.B;\n",
        "import b.B;\nimport d.D;\n",
    ),
    Both(
        "tests with their documentation",
        "ATest.java",
        "class ATest {\n    @Test\n    void one() {}\n@\n}\n",
        "\n    /** Two. */\n    @Test\n    void two() {\n        a(2);\n    }\n",
        "\n    @Test\n    @Disabled\n    void three() throws E {\n        b.c(3, 4);\n    }\n",
        "\n    /** Two. */\n    @Test\n    void two() {\n        a(2);\n    }\n\n"
        "    @Test\n    @Disabled\n    void three() throws E {\n        b.c(3, 4);\n"
        "    }\n",
    ),
]


@pytest.mark.parametrize("case", MERGED, ids=str)
def test_what_both_add_is_kept(case: Both, tmp_path: Path) -> None:
    check_merged(tmp_path, case)


LEFT_ALONE = [
    Both("fields", "A.java", "class A {\n@\n}\n", "  int a;\n", "  int b;\n", "not made of whole"),
    Both(
        "imports that run a module",
        "a.js",
        'import x from "x";\n@\n',
        'import "a";\n',
        'import "b";\n',
        "not made of whole entities",
    ),
    Both(
        "a match's arms",
        "a.rs",
        "fn f(x: u8) {\n    match x {\n@\n        _ => {}\n    }\n}\n",
        "        1 => a(),\n",
        "        2 => b(),\n",
        "not made of whole entities",
    ),
    Both(
        "statements of a function",
        "a.go",
        "package a\n\nfunc f() {\n@\n\tz()\n}\n",
        "\ta()\n",
        "\tb()\n",
        "not made of whole entities",
    ),
    Both(
        "one method of one type",
        "a.go",
        "package a\n\ntype T int\n@\n",
        "\nfunc (t T) A() { x() }\n",
        "\nfunc (t *T) A() { y() }\n",
        "both add T.A",
    ),
    Both(
        "import from one module twice",
        "a.ts",
        'import z from "z";\n@\n',
        'import { a } from "m";\n',
        'import type { b } from "m";\n',
        "the same module",
    ),
    Both(
        "one name",
        "a.js",
        'import z from "z";\n@\n',
        'import a from "m";\n',
        'import { a } from "n";\n',
        "both add a",
    ),
    Both(
        "stars that are passed on",
        "a.ts",
        'export * from "a";\n@\n',
        'export * from "b";\n',
        'export * from "c";\n',
        "not made of whole",
    ),
    Both(
        "one key in two ways",
        "a.js",
        "x = {\n  z: 1,\n@\n};\n",
        "  'a': 1,\n",
        "  a: 2,\n",
        "both add a",
    ),
    Both(
        "keys and a spread",
        "a.js",
        "x = {\n  z: 1,\n@\n};\n",
        "  ...a,\n",
        "  b: 2,\n",
        "not made of whole",
    ),
    Both(
        "constants",
        "a.ts",
        "let a = 1;\n@\n",
        "const b = 2;\n",
        "const c = 3;\n",
        "not made of whole",
    ),
    Both(
        "one title",
        "a.test.js",
        "describe('a', () => {\n@\n});\n",
        "  it('b', () => {\n    c(1);\n  });\n",
        "  it.skip('b', () => {\n    d(2);\n  });\n",
        "both add b",
    ),
    Both(
        "hooks and tests",
        "a.test.js",
        "describe('a', () => {\n@\n});\n",
        "  beforeEach(() => {\n    b();\n  });\n",
        "  it('c', () => {\n    d(2);\n  });\n",
        "not made of whole",
    ),
    Both(
        "an import of everything",
        "a.go",
        'package a\n\nimport (\n\t"fmt"\n@\n)\n',
        '\t. "a"\n',
        '\t"b"\n',
        "not made of whole",
    ),
    Both(
        "two packages of one name",
        "a.go",
        'package a\n\nimport (\n\t"fmt"\n@\n)\n',
        '\t"math/rand"\n',
        '\t"crypto/rand"\n',
        "both add rand",
    ),
    Both(
        "a use of the method that the other adds",
        "a.go",
        "package a\n\ntype T int\n@\n",
        "\nfunc (t T) Two() { x() }\n",
        "\nfunc Three(t T) string {\n\tt.Two()\n\treturn y\n}\n",
        "one uses Two",
    ),
    Both(
        "variables",
        "a.go",
        "package a\n@\n",
        "\nvar x = f()\n",
        "\nvar y = g()\n",
        "not made of whole",
    ),
    Both(
        "elements without a key",
        "a.go",
        'package a\n\nvar m = []T{\n\t{"a"},\n@\n}\n',
        '\t{"b"},\n',
        '\t{"c"},\n',
        "not made of whole",
    ),
    Both(
        "a use of everything",
        "a.rs",
        "use a::b;\n@\n",
        "use c::*;\n",
        "use d::e;\n",
        "not made of whole",
    ),
    Both(
        "one name",
        "a.rs",
        "use a::b;\n@\n",
        "use c::{d, e};\n",
        "use f::g as e;\n",
        "both add e",
    ),
    Both(
        "variants, whose order may count",
        "a.rs",
        "enum E {\n    A,\n@\n}\n",
        "    B,\n",
        "    C,\n",
        "not made of whole",
    ),
    Both(
        "macros, whose order counts",
        "a.rs",
        "fn a() {}\n@\n",
        "macro_rules! b { () => {} }\n",
        "macro_rules! c { () => {} }\n",
        "not made of whole",
    ),
    Both(
        "imports of everything",
        "A.java",
        "import a.A;\n@\n",
        "import b.*;\n",
        "import c.C;\n",
        "not made of whole",
    ),
    Both(
        "two classes of one name",
        "A.java",
        "import a.A;\n@\n",
        "import java.util.List;\n",
        "import java.awt.List;\n",
        "both add List",
    ),
    Both(
        "overloads of one name",
        "A.java",
        "class A {\n@\n}\n",
        "    void f(int a) {\n        g(a);\n    }\n",
        "    void f(long b) {\n        h(1, b);\n    }\n",
        "both add f",
    ),
    Both(
        "constants, whose order may count",
        "E.java",
        "enum E {\n    A,\n@\n    Z\n}\n",
        "    B,\n",
        "    C,\n",
        "not made of whole",
    ),
]


@pytest.mark.parametrize("case", LEFT_ALONE, ids=str)
def test_what_may_not_be_independent_is_left_alone(case: Both, tmp_path: Path) -> None:
    check_left_alone(tmp_path, case)


@pytest.mark.parametrize("module", ["tree_sitter", "tree_sitter_go"])
def test_a_file_whose_grammar_is_not_installed_is_left_alone(
    module: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    for loaded in ("agentd.conflicts.symbols.syntax", "tree_sitter_go"):
        if loaded != module:
            monkeypatch.delitem(sys.modules, loaded, raising=False)
    case = next(case for case in MERGED if case.path == "a.go")
    check_left_alone(tmp_path, replace(case, result="pip install 'agentd-coord[languages]'"))


def test_an_import_that_the_other_side_no_longer_needs_is_not_kept(tmp_path: Path) -> None:
    base = "import a.A;\nimport z.Z;\n\nclass B {\n    A a;\n\n    void f() {}\n\n    Z z;\n}\n"
    left = base.replace("import z", "import c.C;\nimport z").replace("Z z;", "C z;")
    right = base.replace("import z", "import d.D;\nimport z").replace(
        "    void f() {}\n", "    D d;\n"
    )
    assert "import c.C;\nimport d.D;\n" in merged(tmp_path, "B.java", base, left, right)
    base = base.replace("import z", "import y.Y;\nimport z").replace("A a;", "A a; C c;")
    left = base.replace("import z", "import c.C;\nimport z")
    right = base.replace("import z", "import d.D;\nimport z").replace("A a; C c;", "D a;")
    assert "C is imported" in why_not(tmp_path, "B.java", base, left, right)


@pytest.mark.parametrize("path", ["a.js", "a.ts", "a.tsx", "a.go", "a.rs", "A.java"])
def test_crlf_is_kept_and_a_file_with_an_error_is_not_read(path: str, tmp_path: Path) -> None:
    case = next(case for case in MERGED if case.path == path)
    base, left, right, result = (
        case.file(added).replace("\n", "\r\n") for added in ("", case.left, case.right, case.result)
    )
    assert merged(tmp_path, path, base, left, right) == result
    reader = reader_of(path)
    assert reader is not None
    assert reader(b"class { ( fn func") is None
    assert reader(b"\xff") is None
