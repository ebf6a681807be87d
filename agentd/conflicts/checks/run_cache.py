"""Results of verification commands, kept on disk by tree, command and environment.

One small JSON file for each, replaced as a whole, so that several reviews may share the directory.
It decides what is fresh and readable, and must not know which results deserve keeping.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentd.conflicts.checks.command_runs import CommandRun, RunStatus
from agentd.core.clock import Clock

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class RunKey:
    """What a result depends on."""

    tree: str
    command: str
    environment: str
    """Digest over the variables, limits and walls that the command ran with."""

    @property
    def digest(self) -> str:
        """The name under which the result is kept."""
        parts = json.dumps([_FORMAT, self.tree, self.command, self.environment])
        return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()


class RunCache:
    """The directory of results."""

    def __init__(self, directory: Path, clock: Clock, *, keep_secs: int) -> None:
        self._directory = directory
        self._clock = clock
        self._keep_secs = keep_secs

    def get(self, key: RunKey) -> CommandRun | None:
        """The kept result, marked as such; None if it is old or cannot be read."""
        if not self._keep_secs:
            return None
        try:
            document = json.loads(self._path(key).read_bytes())
            recorded_at, stored = document["recorded_at"], document["run"]
            if not 0 <= self._clock.now() - recorded_at < self._keep_secs * 1000:
                return None
            run = _run_from_json(stored)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        matches = (run.tree, run.command) == (key.tree, key.command)
        return replace(run, cached=True) if matches else None

    def put(self, key: RunKey, run: CommandRun) -> None:
        """Keeps a result."""
        if not self._keep_secs:
            return
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        now = self._clock.now()
        document = {"recorded_at": now, "run": run.to_json()}
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
                json.dump(document, file, ensure_ascii=True)
            os.utime(temporary, (now / 1000, now / 1000))
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def prune(self) -> int:
        """Removes what is too old to be used, by the files' own dates; says how many."""
        removed = 0
        oldest = self._clock.now() / 1000 - self._keep_secs
        for path in self._directory.glob("*/*"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:
                continue  # Another review was quicker.
        return removed

    def _path(self, key: RunKey) -> Path:
        digest = key.digest
        return self._directory / digest[:2] / f"{digest[2:]}.json"


def _run_from_json(stored: Mapping[str, Any]) -> CommandRun:
    return CommandRun(**{**stored, "status": RunStatus(stored["status"])})
