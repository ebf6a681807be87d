"""The files of a worktree, as far as DeepSeek's agent may see and write them.

What git ignores is not shown, since it may hold keys; nothing outside of the worktree and nothing
of git's own is written.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from agentd.errors import DependencyFailed
from agentd.providers.deepseek_conversation import Edit, NoAnswer

_SHOWN_BYTES_MAX: Final = 200_000
_GIT_SECS_MAX: Final = 60


class DeepSeekWorktree:
    """A worktree."""

    def __init__(self, top: Path) -> None:
        self.top = top.resolve()

    def workspace(self) -> Path:
        """The top of the main worktree: what locks of the repository carry. Raises `git_failed`."""
        said = self._git("rev-parse", "--path-format=absolute", "--git-common-dir")
        common = Path(os.fsdecode(said.removesuffix(b"\n")))
        return (common.parent if common.name == ".git" else common).resolve()

    def paths(self) -> list[str]:
        """The files that git has or would have, with `/`. Raises `git_failed`."""
        said = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names = (os.fsdecode(name) for name in said.split(b"\0") if name)
        return sorted({name for name in names if name.isprintable()})

    def _git(self, *arguments: str) -> bytes:
        done = subprocess.run(
            ("git", "-c", "core.fsmonitor=false", *arguments),
            cwd=self.top,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECS_MAX,
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise DependencyFailed("git_failed", f"git does not answer in {self.top}: {said}")
        return done.stdout

    def shown(self, path: str) -> str:
        """A file's text. Raises `NoAnswer`."""
        if path not in self.paths():
            raise NoAnswer(f"{path}: there is no such file")
        text = self._text(self._place(path))
        if text is None:
            raise NoAnswer(f"{path}: it is no file of text")
        if len(text) > _SHOWN_BYTES_MAX:
            raise NoAnswer(f"{path}: it is too long to be shown")
        return text

    def afterwards(self, edit: Edit) -> str:
        """What a file would be after an edit. Raises `NoAnswer`."""
        return edit.applied(self._text(self._place(edit.path)))

    def write(self, path: str, text: str) -> None:
        """Writes a file at once and whole; its mode stays. Raises `NoAnswer`."""
        place = self._place(path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            mode = place.stat().st_mode & 0o777 if place.exists() else 0o644
            descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".agentd-")
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                os.fchmod(file.fileno(), mode)
            os.replace(name, place)
        except (OSError, UnicodeEncodeError) as error:
            raise NoAnswer(f"{path}: it cannot be written ({error})") from None

    def _place(self, path: str) -> Path:
        """Where a path leads, links followed. Raises `NoAnswer`."""
        try:
            place = (self.top / path).resolve()
        except (OSError, ValueError):
            place = self.top
        if place == self.top or not place.is_relative_to(self.top):
            raise NoAnswer(f"{path}: it lies outside of the worktree")
        if any(part.lower() == ".git" for part in place.relative_to(self.top).parts):
            raise NoAnswer(f"{path}: it is git's own")
        return place

    def _text(self, place: Path) -> str | None:
        """A file's text; None where there is none, or it is no text."""
        try:
            with place.open(encoding="utf-8", newline="") as file:
                return file.read()
        except (OSError, UnicodeDecodeError):
            return None
