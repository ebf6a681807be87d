"""A repository, a daemon, and clients of the SDK's own that start the server as a program would."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client as McpClient
from mcp.client.stdio import StdioServerParameters
from mcp.types import Implementation, TextContent

from agentd.cli.demo.project import ShopRepository
from tests.cli.conftest import daemon, directory, environment, shop
from tests.fakes.forked_commands import ForkedCommands

__all__ = ["daemon", "directory", "environment", "shop"]


class Tools:
    """A client's view of the server's tools."""

    def __init__(self, client: McpClient) -> None:
        self.client = client

    async def __call__(self, tool: str, **arguments: Any) -> Any:
        """The structured answer; the text says the same."""
        answer = await self.client.call_tool(tool, arguments)
        (text,) = answer.content
        assert isinstance(text, TextContent)
        assert not answer.is_error, text.text
        assert json.loads(text.text) == answer.structured_content
        return answer.structured_content

    async def refused(self, tool: str, **arguments: Any) -> str:
        """What a call is refused with."""
        answer = await self.client.call_tool(tool, arguments)
        (text,) = answer.content
        assert isinstance(text, TextContent)
        assert answer.is_error, text.text
        assert answer.structured_content is None
        return text.text


Connect = Callable[..., AbstractAsyncContextManager[Tools]]


@pytest.fixture
def connect(shop: ShopRepository, environment: dict[str, str], commands: ForkedCommands) -> Connect:
    """Starts a server and connects: `async with connect("codex-mcp-client") as tools:`.

    `forked=False` is for what looks at the server's parents: they are those of a program.
    """

    @asynccontextmanager
    async def connected(
        name: str, *arguments: str, at: Path | None = None, forked: bool = True, **variables: str
    ) -> AsyncIterator[Tools]:
        surroundings = {**environment, **variables}
        program, *rest = (
            commands.to_start(["mcp", *arguments], surroundings)
            if forked
            else [sys.executable, "-m", "agentd.cli.coord", "mcp", *arguments]
        )
        server = StdioServerParameters(
            command=program, args=rest, env=surroundings, cwd=at or shop.path
        )
        async with McpClient(
            server, client_info=Implementation(name=name, version="1.0")
        ) as client:
            yield Tools(client)

    return connected
