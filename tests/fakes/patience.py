"""How long a test waits for what must come: another process, an answer, a thread's end."""

from __future__ import annotations

from typing import Final

PATIENCE_SECS: Final = 180.0
"""No measure of speed: only what hangs takes so long, however busy the machine is."""
