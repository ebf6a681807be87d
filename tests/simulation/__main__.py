"""Runs the simulations of some seeds: `python -m tests.simulation SEED [SEED …]`."""

from __future__ import annotations

import logging
import sys

from tests.simulation.reproduce import reproduce

logging.getLogger("agentd").addHandler(logging.NullHandler())
for argument in sys.argv[1:]:
    reproduce(int(argument))
