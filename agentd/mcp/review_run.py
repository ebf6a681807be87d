"""A review as a process of its own: what it prints cannot get into the protocol, and whoever stops
waiting for it stops it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from agentd.errors import DependencyFailed

_PROGRESS_SECS: Final = 1.0
_FINISHED: Final = (0, 10)
_SAID_CHARS_MAX: Final = 1_000


async def run_review(
    arguments: Sequence[str],
    directory: Path,
    environment: dict[str, str],
    progress: Callable[[float], Awaitable[None]],
) -> dict[str, Any]:
    """The record of `agentd-coord review --json` with these arguments.

    `progress` is told every second for how many it has run. Raises `DependencyFailed` with what the
    review said.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "agentd.cli.coord", "review", "--json", *arguments),
        cwd=directory,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    answer = asyncio.create_task(process.communicate())
    try:
        secs = 0.0
        while not (await asyncio.wait({answer}, timeout=_PROGRESS_SECS))[0]:
            secs += _PROGRESS_SECS
            await progress(secs)
    except BaseException:
        # Whoever asked has gone: the review's own clean-up runs on the signal.
        os.killpg(process.pid, signal.SIGINT)
        await answer
        raise
    output, errors = answer.result()
    if process.returncode not in _FINISHED:
        said = errors.decode(errors="replace").strip()[-_SAID_CHARS_MAX:]
        raise DependencyFailed(
            "git_failed",
            f"the review ended with exit code {process.returncode}: {said}",
            hint="Correct what it says, then ask again.",
        )
    record: dict[str, Any] = orjson.loads(output)
    return record
