"""Keeps the collector of circular garbage from looking through what a review holds again and again.

A review holds some hundred thousand objects until it ends, and none of them in circles; by default
they are looked through for every few thousand new ones, which takes up to a third of its time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NEW_OBJECTS: Final = 50_000
"""How many more objects there are before the collector looks; by default 700, or 2,000."""


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Has the collector look rarely for the duration of a `with` block, whatever else runs."""
    before = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
