"""Which file a crate's name leads to: a package's own library, or one that it depends on by path.

`Cargo.toml` says so; crates that come from elsewhere lead out of what can be seen. Pure but for
looking into a tree.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from posixpath import dirname, join, normpath
from typing import Any, Final

from agentd.conflicts.symbols.tree_view import TreeView

_MANIFEST: Final = "Cargo.toml"
_DEPENDENCIES: Final = ("dependencies", "dev-dependencies", "build-dependencies")


def library_of(view: TreeView, importer: str, crate: str) -> str | None:
    """The root file of a crate that a file may name; None where it is not in the tree."""
    found = next((place for place in _above(importer) if "package" in _manifest(view, place)), None)
    if found is None:
        return None
    manifest = _manifest(view, found)
    own = _table(manifest, "lib").get("name") or _table(manifest, "package").get("name")
    if _written(own) == crate:
        return _library(view, found)
    for section in _DEPENDENCIES:
        for name, wanted in _table(manifest, section).items():
            if _written(name) == crate and isinstance(wanted, dict):
                return _dependency(view, found, name, wanted)
    return None


def _dependency(view: TreeView, directory: str, name: str, wanted: Mapping[str, Any]) -> str | None:
    if wanted.get("workspace") is not True:
        return _at(view, directory, wanted)
    for place in _above(join(directory, _MANIFEST)):
        workspace = _table(_manifest(view, place), "workspace")
        if workspace:
            shared = _table(workspace, "dependencies").get(name)
            return _at(view, place, shared) if isinstance(shared, dict) else None
    return None


def _at(view: TreeView, directory: str, wanted: Mapping[str, Any]) -> str | None:
    path = wanted.get("path")
    return _library(view, normpath(join(directory, path))) if isinstance(path, str) else None


def _library(view: TreeView, directory: str) -> str | None:
    path = _table(_manifest(view, directory), "lib").get("path", "src/lib.rs")
    root = normpath(join(directory, path)) if isinstance(path, str) else ""
    return root if view.exists(root) else None


def _above(path: str) -> Iterator[str]:
    """The directories that a path is in, nearest first."""
    while path:
        path = dirname(path)
        yield path


def _manifest(view: TreeView, directory: str) -> Mapping[str, Any]:
    """What a directory's manifest says; empty where it has none that can be read."""
    path = join(directory, _MANIFEST)
    return view.recall((_MANIFEST, path), lambda: _parsed(view.content(path)))


def _parsed(content: bytes | None) -> Mapping[str, Any]:
    if content is None:
        return {}
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return {}


def _table(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = manifest.get(name)
    return found if isinstance(found, dict) else {}


def _written(name: object) -> str:
    """A package's name as code writes it."""
    return name.replace("-", "_") if isinstance(name, str) else ""
