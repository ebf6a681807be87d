"""Summaries by blob: read once, kept in memory and, where there is a cache, on disk.

The one place of the guard that reads contents. It must not know what the summaries are for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol, TypeAlias

from agentd.conflicts.circles import rarely_collected
from agentd.conflicts.symbols.languages import NotRead, analyser_of, stands, summarise
from agentd.conflicts.symbols.sides import BlobReader
from agentd.conflicts.symbols.summary import Summary

FILE_BYTES_MAX: Final = 1_000_000
"""Larger files are generated, or data, and are not read."""
_BINARY_BYTES: Final = 8_000
"""In which a NUL makes git take a file for a binary one."""


SummaryKey: TypeAlias = tuple[str, str]
"""A blob, and who reads it."""
_PUT_AT_ONCE: Final = 100
"""What was read is kept now and then, so that a review that is broken off was not for nothing."""


class SummaryStore(Protocol):
    """Where summaries outlive the process."""

    def get(self, keys: Collection[SummaryKey]) -> Mapping[SummaryKey, Summary]:
        """The kept summaries."""

    def put(self, summaries: Mapping[SummaryKey, Summary]) -> None:
        """Keeps summaries."""


class SummaryLibrary:
    """The summaries of one repository."""

    def __init__(self, reader: BlobReader, store: SummaryStore | None = None) -> None:
        self._reader = reader
        self._store = store
        self._known: dict[SummaryKey, Summary | NotRead] = {}

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
        wanted = {
            (blob, analyser): path
            for path, blob in files
            if not isinstance(analyser := analyser_of(path), NotRead)
            if (blob, analyser) not in self._known
        }
        if not wanted:
            return
        kept = self._store.get(wanted.keys()) if self._store is not None else {}
        self._known.update(kept)
        analysers: dict[str, list[str]] = {}
        for blob, analyser in wanted.keys() - kept.keys():
            analysers.setdefault(blob, []).append(analyser)
            self._known[blob, analyser] = NotRead("its content cannot be had")
        new: dict[SummaryKey, Summary] = {}
        with rarely_collected():
            for blob, content in self._reader.read_blobs(sorted(analysers)):
                for analyser in analysers[blob]:
                    found = _read(wanted[blob, analyser], content)
                    self._known[blob, analyser] = found
                    if isinstance(found, Summary):
                        new[blob, analyser] = found
                if len(new) >= _PUT_AT_ONCE:
                    self._keep(new)
        self._keep(new)

    def _keep(self, new: dict[SummaryKey, Summary]) -> None:
        if self._store is not None:
            self._store.put(new)
        new.clear()


def _read(path: str, content: bytes) -> Summary | NotRead:
    if len(content) > FILE_BYTES_MAX:
        return NotRead(f"it is larger than {FILE_BYTES_MAX} bytes")
    if b"\0" in content[:_BINARY_BYTES]:
        return NotRead("it is binary")  # A grammar takes half a minute to find no sense in it.
    return summarise(path, content)
