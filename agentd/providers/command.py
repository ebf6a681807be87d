"""Any other program: it is given the prompt, and its exit code is all that it says.

`{prompt}` in the user's arguments stands for the prompt; without that it comes on standard input.
"""

from __future__ import annotations

from typing import Final

from agentd.providers.adapter import Adapter, Assignment, Enforcement, Launch, Transport, Way


def _headless(assignment: Assignment) -> Launch:
    return Launch(stdin=assignment.prompt.encode("utf-8", "replace"))


ADAPTER: Final = Adapter(
    name="command",
    title="Any program",
    program="",
    ways=(
        Way(
            transport=Transport.TEXT,
            launch=_headless,
            enforcement=Enforcement.ADVISORY,
            why="AGENTD_SOCKET tells it where to ask for locks, and nothing makes it ask",
        ),
    ),
    says_result=False,
    stall_secs=0,  # It may say nothing before it is done.
    version_arguments=(),
)
