"""The MCP server as a child of its host: one host, over stdin and stdout."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from memos.interface.mcp.unread import error_of

LOG = logging.getLogger(__name__)
MOST_UNANSWERED = 128
"""Requests. While so many wait for their answers no more are read: a host that never reads stops itself."""
LEAVE_SECONDS = 5.0
"""How long a host that has closed stdin may take to read the answers that wait for it."""

Incoming = SessionMessage | Exception


class _Unanswered:
    """The requests that wait for their answers, at most so many."""

    def __init__(self) -> None:
        self._places = anyio.Semaphore(MOST_UNANSWERED)
        self._asked: set[str | int] = set()

    async def add(self, asked: str | int) -> None:
        if asked not in self._asked:
            await self._places.acquire()
            self._asked.add(asked)

    def discard(self, asked: str | int | None) -> None:
        if asked in self._asked:
            self._asked.remove(asked)
            self._places.release()


def serve_stdio(server: Server[dict[str, Any]]) -> None:
    """Answer the host until it closes stdin, or reads no more.

    The process ends soon after the host closed stdin, also where an answer is still to be read.
    """
    # Nothing else ends a thread that waits for a full pipe; what was acknowledged is in the vault.
    leaving = threading.Timer(LEAVE_SECONDS, os._exit, (0,))
    leaving.daemon = True
    try:
        anyio.run(_serve, server, leaving.start)
    except* (BrokenPipeError, anyio.BrokenResourceError):
        LOG.info("the host is gone")
    finally:
        leaving.cancel()


async def _serve(server: Server[dict[str, Any]], leave: Callable[[], None]) -> None:
    unanswered = _Unanswered()
    to_server, requests = anyio.create_memory_object_stream[Incoming](0)
    answers, to_host = anyio.create_memory_object_stream[SessionMessage](0)
    async with stdio_server() as (stdin, stdout), anyio.create_task_group() as tasks:
        tasks.start_soon(_take_in, stdin, to_server, stdout.clone(), unanswered, leave)
        tasks.start_soon(_give_out, to_host, stdout, unanswered)
        await server.run(requests, answers, server.create_initialization_options())


async def _take_in(
    stdin: Any,
    to_server: ObjectSendStream[Incoming],
    stdout: Any,
    unanswered: _Unanswered,
    leave: Callable[[], None],
) -> None:
    async with to_server, stdout:
        async for message in stdin:
            if isinstance(message, Exception):  # no request: the server would say nothing
                error = error_of(message)
                if error is not None:
                    await stdout.send(SessionMessage(error))
                continue
            match getattr(message, "message", None):
                case JSONRPCRequest(id=asked):
                    await unanswered.add(asked)
                case JSONRPCNotification(
                    method="notifications/cancelled", params={"requestId": asked}
                ):
                    unanswered.discard(asked)
            await to_server.send(message)
        leave()


async def _give_out(
    to_host: ObjectReceiveStream[SessionMessage], stdout: Any, unanswered: _Unanswered
) -> None:
    async with to_host, stdout:
        async for message in to_host:
            await stdout.send(message)
            match message.message:
                case JSONRPCResponse(id=asked) | JSONRPCError(id=asked):
                    unanswered.discard(asked)
