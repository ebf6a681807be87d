"""Whether the database that is open is still the one that the next daemon will open.

On Unix a file that is deleted, or replaced by another one, can be written to for as long as it is
open, and is gone with the process. Whoever wants an answer to mean durable has to look.
"""

from __future__ import annotations

import os
from pathlib import Path


class DatabaseFile:
    """Holds the database's files open, to see whether they still have a name.

    A name in another directory will do: a home that is moved keeps what it holds. To be closed
    after the last connection, because closing a file drops the process's locks on it.
    """

    def __init__(self, path: Path) -> None:
        """Takes the files of a database that is open already."""
        self._descriptors = [os.open(path, os.O_RDONLY | os.O_CLOEXEC)]
        log = path.with_name(f"{path.name}-wal")
        if log.exists():
            self._descriptors.append(os.open(log, os.O_RDONLY | os.O_CLOEXEC))

    def is_gone(self) -> bool:
        """Whether what is written now would be lost."""
        return any(os.fstat(descriptor).st_nlink == 0 for descriptor in self._descriptors)

    def close(self) -> None:
        """Lets go of the files."""
        for descriptor in self._descriptors:
            os.close(descriptor)
