"""The daemon on a leash: it stops when the process that started it is gone, however that ended.

Run as `python -m agentd.client.leashed FD`, where FD is the reading end of a pipe whose writing end
only the starter holds. The kernel closes that end with the starter, even after a SIGKILL.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _stop_when_released(leash: int) -> None:
    os.read(leash, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Runs `python -m agentd.cli.daemon` in this process, as long as the leash is held."""
    leash = int(sys.argv.pop(1))
    os.set_inheritable(leash, False)
    threading.Thread(target=_stop_when_released, args=(leash,), daemon=True).start()
    runpy.run_module("agentd.cli.daemon", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
