"""Runs the simulation of a seed in a directory of its own, and says how to run it again."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.simulation.fold import Violation
from tests.simulation.run import Simulation

STEPS = 250
_SHOWN = 40


def reproduce(seed: int) -> list[str]:
    """The trace of a seed. Raises `Violation` that names the seed and the command."""
    with tempfile.TemporaryDirectory(prefix="agentd-simulation-") as directory:
        simulation = Simulation(seed, Path(directory) / "state.db", steps=STEPS)
        try:
            simulation.run()
        except Violation as violation:
            last = "\n".join(simulation.trace[-_SHOWN:])
            raise Violation(
                f"seed {seed}: {violation}\n{last}\nto reproduce: python -m tests.simulation {seed}"
            ) from violation
    return simulation.trace
