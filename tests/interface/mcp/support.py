"""Hosts for the tests: the official client on a server, and what its calls came to."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters, stdio_client
from mcp.server.lowlevel import Server

VERSIONS = ("legacy", "2026-07-28")
"""How a client speaks: by the handshake of 2025-11-25, or by requests that stand alone."""

Host = Callable[[Client], Awaitable[None]]


def hosted(server: Server[Any], version: str, host: Host) -> None:
    """Have a host speak with a server in this process."""
    anyio.run(partial(_in_memory, server, version, host))


async def _in_memory(server: Server[Any], version: str, host: Host) -> None:
    async with Client(server, mode=version) as client:
        await host(client)


def command_line(vault: Path, *more: str) -> list[str]:
    """What starts the server, with --actor agent:alice."""
    program = [sys.executable, "-m", "memos", "mcp", "--vault", str(vault)]
    return [*program, "--actor", "agent:alice", *more]


def started(
    line: list[str], version: str, host: Host, environment: Mapping[str, str] | None = None
) -> None:
    """Have a host start a server, and speak with it over stdio."""
    anyio.run(partial(_over_stdio, line, version, host, environment))


async def _over_stdio(
    line: list[str], version: str, host: Host, environment: Mapping[str, str] | None
) -> None:
    parameters = StdioServerParameters(
        command=line[0], args=line[1:], env=dict(environment or {}) or None
    )
    async with Client(stdio_client(parameters), mode=version) as client:
        await host(client)


async def answer(client: Client, tool: str, **arguments: Any) -> Any:
    """What a tool answers; it must not be an error."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """In which words a tool refuses; it must."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    (content,) = result.content
    assert content.type == "text"
    return content.text
