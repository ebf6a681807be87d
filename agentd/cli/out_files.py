"""Files that a command leaves where the user wants them: whole or not at all, and no surprise late.

It must not know what is in them.
"""

from __future__ import annotations

from pathlib import Path

from agentd.cli.connect import fail
from agentd.cli.exit_codes import ExitCode


def check_out_file(path: Path | None, option: str) -> None:
    """Says so before anything long begins where a file could not be written."""
    if path is not None and not path.absolute().parent.is_dir():
        fail(
            f"{option} {path}: there is no directory {path.absolute().parent}",
            hint="Make it first, or name another file.",
            code=ExitCode.USAGE,
        )


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees all of it or what was there before."""
    draft = path.with_name(f".{path.name}.tmp")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
