"""Prints the median and the 99th percentile, in ms, of making 4 KiB appended to a file durable.

A process of its own, so that it can be given the same preloaded library as the measured servers.
"""

from __future__ import annotations

import os
import sys
import time

ROUNDS = 300


def main(path: str) -> None:
    """Appends, syncs and times, then removes the file."""
    times = []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        for _ in range(ROUNDS):
            os.write(descriptor, b"x" * 4096)
            start = time.perf_counter()
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - start)
    finally:
        os.close(descriptor)
        os.unlink(path)
    times.sort()
    print(times[ROUNDS // 2] * 1000, times[ROUNDS * 99 // 100] * 1000)


if __name__ == "__main__":
    main(sys.argv[1])
