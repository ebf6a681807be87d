"""Leaves children behind in every way that the agents' programs were seen to do it.

    family.py PIDS.json

Its steps are ignored; the children's process ids go to PIDS.pids. One is in a session of its own,
one has scrubbed its environment as well, and one holds standard output open.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

SLEEP = ["sleep", "300"]


def main() -> None:
    """Starts them and ends, or waits where the prompt asks for it."""
    prompt = sys.stdin.read()
    null = subprocess.DEVNULL
    plain = {"PATH": "/usr/bin:/bin"}
    children = [
        subprocess.Popen(SLEEP, start_new_session=True, stdin=null, stdout=null),
        subprocess.Popen(SLEEP, start_new_session=True, stdin=null, stdout=null, env=plain),
        subprocess.Popen(SLEEP, start_new_session=True, stdin=null),
    ]
    pids = Path(sys.argv[1]).with_suffix(".pids")
    pids.write_text(" ".join(str(child.pid) for child in children))
    sys.stdout.write(f"started {len(children)} children\n")
    sys.stdout.flush()
    if "wait" in prompt:
        time.sleep(300)


if __name__ == "__main__":
    main()
