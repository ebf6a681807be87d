"""Follows a program that is given its prompt and then writes: a JSON object a line, or any text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from agentd.providers.agent_events import Progress
from agentd.providers.agent_process import AgentProcess, drained, while_reading
from agentd.providers.agent_run import DriverEnd, Run
from agentd.providers.json_values import TEXT_CHARS_MAX
from agentd.providers.output import OutputReader

_LINE_BYTES_MAX: Final = 65_536


async def follow_lines(run: Run, process: AgentProcess, stdin: bytes) -> DriverEnd:
    """Reads its events as its adapter reads them."""
    reader = OutputReader(run.agent.adapter.read)

    def take(data: bytes) -> None:
        for event in reader.feed(data):
            run.chronicle.tell(event)

    await _until_ended(process, stdin, take)
    for event in reader.end():
        run.chronicle.tell(event)
    return DriverEnd(reader.warnings())


async def follow_text(run: Run, process: AgentProcess, stdin: bytes) -> DriverEnd:
    """Takes every line that it writes for progress; of a very long one the beginning."""
    rest = b""

    def take(data: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + data).split(b"\n")
        rest = rest[:_LINE_BYTES_MAX]
        for line in lines:
            say(line)

    def say(line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()[:TEXT_CHARS_MAX]
        if text:
            run.chronicle.tell(Progress(text))

    await _until_ended(process, stdin, take)
    say(rest)
    return DriverEnd()


async def _until_ended(process: AgentProcess, stdin: bytes, take: Callable[[bytes], None]) -> None:
    """Gives it its input and passes on its output, until it has ended with all that it started."""
    reading = asyncio.create_task(process.read_output(take))

    async def end() -> None:
        await process.finish_input(stdin)
        await process.wait()
        await process.end()

    try:
        await while_reading(reading, end())
    finally:
        await drained(reading)
