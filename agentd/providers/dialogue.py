"""Has a conversation with a program over its standard input and output, from begin to end.

What is said is a driver's business; this reads what the program writes meanwhile, and lets it end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from agentd.providers.agent_process import AgentProcess, drained, while_reading
from agentd.providers.agent_run import Run
from agentd.providers.json_rpc import Conversation
from agentd.providers.output import OutputReader

_GOODBYE_SECS: Final = 5.0


async def converse(
    run: Run,
    process: AgentProcess,
    conversation: Conversation,
    talk: Callable[[], Awaitable[None]],
    fell_silent: Callable[[], None],
) -> tuple[str, ...]:
    """Talks, and then waits a while for the program to end by itself before it is ended.

    `fell_silent` is called once when it writes no more, and has to close the conversation. Returns
    what of its output could not be read. Raises what `talk` raises.
    """
    reader = OutputReader(conversation.read)

    def take(data: bytes) -> None:
        for event in reader.feed(data):
            run.chronicle.tell(event)

    async def read() -> None:
        await process.read_output(take)
        fell_silent()

    reading = asyncio.create_task(read())
    try:
        await while_reading(reading, talk())
        await process.finish_input()
        async with asyncio.timeout(_GOODBYE_SECS):
            await process.wait()
    except TimeoutError:
        await process.end()
    finally:
        conversation.close()
        await drained(reading)
    return reader.warnings()
