"""Has those who change settings files take turns.

Between the reading of a file and its replacement by another one, nobody else of ours may do the
same: the later one would undo what the earlier one did.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from agentd.paths import Home, prepare_directory, unusable_home


@contextmanager
def turn(home: Home) -> Iterator[None]:
    """Waits until nobody else of this user changes settings, and keeps others waiting.

    Raises `home_unusable` and `insecure_permissions`.
    """
    prepare_directory(home.root)
    with unusable_home(home.settings_lock_file):
        descriptor = os.open(home.settings_lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
