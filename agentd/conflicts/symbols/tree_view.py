"""A tree of files as summaries: a base listing, and what a side or a merge changes in it.

Reads blobs through the library of summaries, each at most once. It must not know what anybody
looks for in the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from posixpath import basename
from typing import Any, TypeVar

from agentd.conflicts.symbols.library import SummaryLibrary
from agentd.conflicts.symbols.summary import Summary

_Made = TypeVar("_Made")
_NO_PATHS: frozenset[str] = frozenset()


class Listing:
    """All paths of a tree, found by directory."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self.paths = paths
        self._by_directory: dict[str, set[str]] = {}
        self._below: dict[str, int] = {}
        for path in paths:
            self._by_directory.setdefault(path.rpartition("/")[0], set()).add(path)
        for directory, inside in self._by_directory.items():
            for parent in _with_parents(directory):
                self._below[parent] = self._below.get(parent, 0) + len(inside)

    def count_below(self, directory: str) -> int:
        """How many files there are in a directory and those inside it."""
        return self._below.get(directory, 0)

    @cached_property
    def directories_by_name(self) -> Mapping[str, Sequence[str]]:
        """Every directory, by the last part of its path."""
        found: dict[str, list[str]] = {}
        for directory in self._below:
            found.setdefault(basename(directory), []).append(directory)
        return found

    @cached_property
    def by_stem(self) -> Mapping[str, Sequence[str]]:
        """Every file, by its path up to the first dot of its name."""
        found: dict[str, list[str]] = {}
        for path in self.paths:
            directory, slash, name = path.rpartition("/")
            found.setdefault(f"{directory}{slash}{name.partition('.')[0]}", []).append(path)
        return found

    def within(self, directory: str) -> frozenset[str] | set[str]:
        """The files right inside a directory."""
        return self._by_directory.get(directory, _NO_PATHS)


class TreeView:
    """A listing with some of its paths changed."""

    def __init__(
        self, listing: Listing, changed: Mapping[str, str | None], library: SummaryLibrary
    ) -> None:
        self._listing = listing
        self._changed = changed
        self._library = library
        self._recalled: dict[Hashable, Any] = {}

    @cached_property
    def _overlay(self) -> Listing:
        return Listing({path: blob for path, blob in self._changed.items() if blob is not None})

    @cached_property
    def _dropped(self) -> Listing:
        paths = self._listing.paths
        gone = (path for path, blob in self._changed.items() if blob is None and path in paths)
        return Listing({path: paths[path] for path in gone})

    def recall(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """What is made of this tree, made once; a key stands for one thing alone."""
        if key not in self._recalled:
            self._recalled[key] = make()
        made: _Made = self._recalled[key]
        return made

    @property
    def changed(self) -> Mapping[str, str | None]:
        """The paths that differ from the listing, with their blobs; None: removed."""
        return self._changed

    def blob(self, path: str) -> str | None:
        """The blob at a path."""
        if path in self._changed:
            return self._changed[path]
        return self._listing.paths.get(path)

    def exists(self, path: str) -> bool:
        """Whether there is a file at a path."""
        return self.blob(path) is not None

    def summary(self, path: str) -> Summary | None:
        """What the file at a path says; None where there is none or it is not read."""
        blob = self.blob(path)
        return None if blob is None else self._library.summary(path, blob)

    def stands(self, path: str) -> bool:
        """Whether the file at a path is one that its language takes."""
        blob = self.blob(path)
        return blob is None or self._library.stands(path, blob)

    def content(self, path: str) -> bytes | None:
        """What is in the file at a path; None where there is none."""
        blob = self.blob(path)
        return None if blob is None else self._library.content(blob)

    def within(self, directory: str) -> Sequence[str]:
        """The files right inside a directory, in order."""
        base = self._listing.within(directory)
        own = self._overlay.within(directory)
        return sorted({path for path in base if path not in self._changed} | set(own))

    def with_stem(self, stem: str) -> Sequence[str]:
        """The files whose path up to the first dot of the name is this, in order."""
        base = self._listing.by_stem.get(stem, ())
        own = self._overlay.by_stem.get(stem, ())
        return sorted({path for path in base if path not in self._changed} | set(own))

    def has_directory(self, directory: str) -> bool:
        """Whether there are files in a directory or below it."""
        if self._overlay.count_below(directory):
            return True
        return self._listing.count_below(directory) > self._dropped.count_below(directory)

    def directories_called(self, suffix: str) -> Sequence[str]:
        """The directories whose path ends so, in order; as whole names."""
        name = suffix.rpartition("/")[2]
        return sorted(
            directory
            for directory in {
                *self._listing.directories_by_name.get(name, ()),
                *self._overlay.directories_by_name.get(name, ()),
            }
            if f"/{directory}".endswith(f"/{suffix}") and self.has_directory(directory)
        )


def _with_parents(directory: str) -> Iterator[str]:
    yield directory
    while directory:
        directory = directory.rpartition("/")[0]
        yield directory
