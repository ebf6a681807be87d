"""How JavaScript and TypeScript find modules: a place is a file, found by a relative name.

Packages and path aliases lead out of what can be seen. Pure but for looking into a tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from posixpath import basename, dirname, join, normpath
from typing import Final

from agentd.conflicts.symbols.tree_view import TreeView

_ENDINGS: Final = (
    ".ts",
    ".tsx",
    ".d.ts",
    ".mts",
    ".cts",
    ".js",
    ".jsx",
    ".mjs",
    ".cjs",
    ".json",
    ".vue",
    ".svelte",
    ".css",
    *(".coffee", ".es6", ".astro", ".mdx", ".marko", ".node", ".wasm", ".scss", ".less"),
)
_PLATFORMS: Final = frozenset(
    (
        *("ios", "android", "native", "web", "windows", "macos", "desktop", "mobile", "electron"),
        *("browser", "node", "server", "client", "deno", "edge"),
    )
)
"""What may stand before the ending of a file that is one platform's."""
_GLOBALS: Final = (
    "AbortController AbortSignal Array ArrayBuffer Atomics BigInt Blob Boolean Buffer Bun "
    "Date Deno Error Event EventTarget File FormData Function Headers Infinity Intl JSON JSX "
    "Map Math NaN Number Object Promise Proxy React ReadableStream Reflect RegExp Request "
    "Response Set String Symbol TextDecoder TextEncoder URL URLSearchParams WeakMap WeakRef "
    "WeakSet WebSocket Worker afterAll afterEach arguments atob beforeAll beforeEach btoa "
    "clearInterval clearTimeout console crypto decodeURIComponent describe document "
    "encodeURIComponent eval expect exports fetch global globalThis it jest localStorage "
    "module navigator parseFloat parseInt performance process queueMicrotask require self "
    "setImmediate setInterval setTimeout structuredClone test undefined vi window __dirname "
    "__filename"
)


_OBJECT_MEMBERS: Final = frozenset(
    (
        *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toJSON"),
        *("toLocaleString", "toString", "valueOf", "message", "name", "stack", "cause"),
    )
)


class JavaScriptNaming:
    """The rules of modules by relative path."""

    builtins: frozenset[str] = frozenset(_GLOBALS.split())
    roots: frozenset[str] = frozenset()
    overloads: bool = False
    qualified: bool = False
    rebinds: bool = False
    binds_modules: bool = False
    plain_bases: frozenset[str] = frozenset(("Object", "Error", "TypeError", "RangeError"))
    common_members: frozenset[str] = _OBJECT_MEMBERS
    opener: str = ""

    def siblings(self, view: TreeView, path: str) -> Sequence[str]:
        return (path,)

    def module(self, view: TreeView, importer: str, module: str) -> Sequence[str]:
        if not module.startswith("."):
            return ()
        target = normpath(join(dirname(importer), module.partition("?")[0]))
        if target.startswith(".."):
            return ()
        if target == ".":
            target = ""
        for candidate in _candidates(target):
            if view.exists(candidate):
                return (candidate,)
        return _of_platforms(view, target)

    def holder(self, module: str) -> str:
        return ""

    def files(self, view: TreeView, place: str) -> Sequence[str]:
        return (place,)

    def submodule(self, view: TreeView, place: str, name: str) -> str | None:
        return None

    def stems(self, path: str) -> Sequence[str]:
        name = basename(path).partition(".")[0]
        return (basename(dirname(path)), name) if name == "index" else (name,)

    def elsewhere(self, view: TreeView, name: str) -> bool:
        return False


def _of_platforms(view: TreeView, target: str) -> Sequence[str]:
    """The files of which a bundler takes one: `button.ios.js` and `button.web.js` for `button`."""
    start = f"{basename(target)}."
    return tuple(
        path
        for path in view.within(dirname(target))
        if basename(path).startswith(start)
        and basename(path).removeprefix(start).partition(".")[0] in _PLATFORMS
    )


def _candidates(target: str) -> Iterator[str]:
    if target:
        yield target
        yield from (f"{target}{ending}" for ending in _ENDINGS)
        head, dot, ending = target.rpartition(".")
        if dot and ending in ("js", "jsx", "mjs", "cjs"):
            # TypeScript names the file that its own will become.
            yield from (f"{head}{other}" for other in (".ts", ".tsx", ".mts", ".cts", ".d.ts"))
    directory = f"{target}/" if target else ""
    yield from (f"{directory}index{ending}" for ending in _ENDINGS)
    yield f"{directory}package.json"  # Which file that leads to, nobody reads.
