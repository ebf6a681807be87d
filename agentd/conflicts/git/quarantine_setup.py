"""Makes the bare repository of a quarantine, and points it at the objects of the user's.

Several reviews may do so at the same time. It must not know what happens in the quarantine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from agentd.conflicts.git.names import encoded
from agentd.conflicts.git.process import GitProcess
from agentd.conflicts.git.repository import Repository
from agentd.errors import Unavailable


def set_up(git_dir: Path, repository: Repository, git: GitProcess) -> None:
    """Makes what is missing. Raises `OSError` and `home_unusable`."""
    if not (git_dir / "HEAD").exists():
        _create(git_dir, repository, git)
    elif not os.access(git_dir / "objects", os.W_OK | os.X_OK):
        raise unusable(git_dir, "its objects cannot be written")
    _borrow(git_dir, repository)


def unusable(git_dir: Path, why: str) -> Unavailable:
    """The error for a home that has no room for a quarantine."""
    return Unavailable(
        "home_unusable",
        f"the quarantine {git_dir} cannot be made or written: {why}",
        path=str(git_dir),
    )


def _create(git_dir: Path, repository: Repository, git: GitProcess) -> None:
    git_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=git_dir.parent))
    git.run(
        [
            "init",
            "--quiet",
            "--bare",
            "--template=",
            f"--object-format={repository.object_format}",
            str(made),
        ],
        check=True,
    )
    try:
        made.rename(git_dir)
    except OSError:
        # Another review made it in the meantime.
        shutil.rmtree(made)
        if not (git_dir / "HEAD").exists():
            raise


def _borrow(git_dir: Path, repository: Repository) -> None:
    """Points at the user's objects, and takes over where his history is cut off."""
    line = encoded(str(repository.objects))
    if b"\n" in line or line.startswith((b'"', b"#")):
        escaped = line.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
        line = b'"' + escaped + b'"'
    _write_if_different(git_dir / "objects" / "info" / "alternates", line + b"\n")
    shallow = repository.common_dir / "shallow"
    if shallow.exists():
        _write_if_different(git_dir / "shallow", shallow.read_bytes())
    else:
        (git_dir / "shallow").unlink(missing_ok=True)


def _write_if_different(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)
