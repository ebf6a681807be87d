"""Directories to run somebody's commands in, which do not stay behind.

Each is guarded by a lock file that its process keeps locked: the system drops the lock with the
process, however that ends, so whoever comes next can tell a stale directory from one in use
without guessing from process ids. This module must not know what happens in the directories.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

_log = logging.getLogger(__name__)

_REMOVAL_ATTEMPTS: Final = 5

BeforeRemoval = Callable[[Path], None]
"""Ends the processes that still work in a directory."""


@contextmanager
def scratch_directory(root: Path, before_removal: BeforeRemoval) -> Iterator[Path]:
    """A new directory below `root`, empty and the user's alone; it is gone afterwards."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory = root / f"run-{secrets.token_hex(8)}"
    lock = _lock_new(_lock_path(directory))
    try:
        directory.mkdir(mode=0o700)
        yield directory
    finally:
        _remove_with_lock(directory, lock, before_removal)


def sweep(root: Path, before_removal: BeforeRemoval) -> int:
    """Removes the directories whose process ended without doing so; says how many."""
    removed = 0
    for lock_path in sorted(root.glob("run-*.lock")):
        lock = _lock_stale(lock_path)
        if lock is None:
            continue
        removed += _remove_with_lock(lock_path.with_suffix(""), lock, before_removal)
    return removed


@contextmanager
def ends_as_exceptions(signals: tuple[signal.Signals, ...]) -> Iterator[None]:
    """Lets the signals raise `SystemExit`, so that what is open is cleaned up on the way out.

    Only in the main thread, and only for signals that would end the process at once: a handler that
    somebody else installed stays.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in signals if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _exit_on_signal)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _exit_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _lock_path(directory: Path) -> Path:
    return directory.with_name(directory.name + ".lock")


def _lock_new(path: Path) -> int:
    """A locked file of this name. It is locked before its directory exists."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # A sweep may have taken the file for a stale one between the two calls.
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)


def _lock_stale(path: Path) -> int | None:
    """The lock of a directory that nobody uses; None if somebody does, or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_with_lock(directory: Path, lock: int, before_removal: BeforeRemoval) -> bool:
    """Removes directory and lock file; what cannot be removed keeps the file for the next sweep."""
    try:
        before_removal(directory)
        _remove_tree(directory)
        _lock_path(directory).unlink(missing_ok=True)
    except OSError as error:
        _log.warning("cannot remove %s: %s; the next review tries again", directory, error)
        return False
    finally:
        os.close(lock)
    return True


def _remove_tree(directory: Path) -> None:
    """Removes a directory with everything in it, also what its maker took the rights from."""
    for attempt in range(1, _REMOVAL_ATTEMPTS + 1):
        try:
            _make_removable(directory)
            shutil.rmtree(directory)
        except FileNotFoundError:
            if not directory.exists():
                return
        except OSError:  # A process that is just ending may still have added a file.
            if attempt == _REMOVAL_ATTEMPTS:
                raise
        else:
            return


def _make_removable(directory: Path) -> None:
    if directory.is_dir():
        directory.chmod(0o700)
    for parent, names, _files in os.walk(directory):
        for name in names:
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(0o700)
