"""Summaries on disk, by blob and by who read it.

One small file for each, replaced as a whole, so that several reviews may share the directory. A
blob's content never changes, so nothing is ever stale; what cannot be read counts as absent.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from agentd.conflicts.symbols.summary import Summary
from agentd.conflicts.symbols.summary_codec import decode, encode


class SummaryCache:
    """The directory of summaries."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, blob: str, analyser: str) -> Summary | None:
        """The kept summary of a blob."""
        try:
            content = self._path(blob, analyser).read_bytes()
        except OSError:
            return None
        return decode(content)

    def put(self, blob: str, analyser: str, summary: Summary) -> None:
        """Keeps a summary."""
        path = self._path(blob, analyser)
        try:
            descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(encode(summary))
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _path(self, blob: str, analyser: str) -> Path:
        return self._directory / analyser / blob[:2] / blob[2:]
