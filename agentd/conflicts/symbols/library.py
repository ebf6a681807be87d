"""Summaries by blob: read once, kept in memory and, where there is a cache, on disk.

The one place of the guard that reads contents. It must not know what the summaries are for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from agentd.conflicts.circles import rarely_collected
from agentd.conflicts.symbols.languages import NotRead, analyser_of, stands, summarise
from agentd.conflicts.symbols.sides import BlobReader
from agentd.conflicts.symbols.summary import Summary

FILE_BYTES_MAX: Final = 1_000_000
"""Larger files are generated, or data, and are not read."""
_BINARY_BYTES: Final = 8_000
"""In which a NUL makes git take a file for a binary one."""


class SummaryStore(Protocol):
    """Where summaries outlive the process."""

    def get(self, blob: str, analyser: str) -> Summary | None:
        """The kept summary of a blob."""

    def put(self, blob: str, analyser: str, summary: Summary) -> None:
        """Keeps a summary."""


class SummaryLibrary:
    """The summaries of one repository."""

    def __init__(self, reader: BlobReader, store: SummaryStore | None = None) -> None:
        self._reader = reader
        self._store = store
        self._known: dict[tuple[str, str], Summary | NotRead] = {}

    def summary(self, path: str, blob: str) -> Summary | None:
        """What a file says; None where it is not read."""
        found = self.look(path, blob)
        return found if isinstance(found, Summary) else None

    def look(self, path: str, blob: str) -> Summary | NotRead:
        """What a file says, or why it was not read."""
        analyser = analyser_of(path)
        if isinstance(analyser, NotRead):
            return analyser
        key = (blob, analyser)
        if key not in self._known:
            self.load([(path, blob)])
        return self._known[key]

    def stands(self, path: str, blob: str) -> bool:
        """Whether a file's language takes it; what cannot be had does."""
        content = self.content(blob)
        return content is None or stands(path, content)

    def content(self, blob: str) -> bytes | None:
        """What is in a file; None where it cannot be had."""
        return dict(self._reader.read_blobs([blob])).get(blob)

    def load(self, files: Iterable[tuple[str, str]]) -> None:
        """Reads the files that are not known yet, all in one look."""
        wanted: dict[tuple[str, str], str] = {}
        for path, blob in files:
            analyser = analyser_of(path)
            if isinstance(analyser, NotRead) or (blob, analyser) in self._known:
                continue
            kept = self._store.get(blob, analyser) if self._store is not None else None
            if kept is not None:
                self._known[blob, analyser] = kept
            else:
                wanted[blob, analyser] = path
        analysers: dict[str, list[str]] = {}
        for blob, analyser in wanted:
            analysers.setdefault(blob, []).append(analyser)
            self._known[blob, analyser] = NotRead("its content cannot be had")
        if not analysers:
            return
        with rarely_collected():
            for blob, content in self._reader.read_blobs(list(analysers)):
                for analyser in analysers[blob]:
                    path = wanted[blob, analyser]
                    self._known[blob, analyser] = self._read(path, blob, analyser, content)

    def _read(self, path: str, blob: str, analyser: str, content: bytes) -> Summary | NotRead:
        if len(content) > FILE_BYTES_MAX:
            return NotRead(f"it is larger than {FILE_BYTES_MAX} bytes")
        if b"\0" in content[:_BINARY_BYTES]:
            return NotRead("it is binary")  # A grammar takes half a minute to find no sense in it.
        found = summarise(path, content)
        if isinstance(found, Summary) and self._store is not None:
            self._store.put(blob, analyser, found)
        return found
