"""The MCP server over streamable HTTP: every request carries an API key, and nothing is kept between two.

There are no sessions and no open streams: a request is answered with one JSON document, so a key
that is revoked is refused at the next request. Connections and bodies have the bounds of `memos serve`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import anyio
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memos.interface.http.guard import Guard
from memos.interface.http.problem_answers import answer_of
from memos.interface.http.problems import Refusal
from memos.interface.http.protocol import IDLE_SECONDS, BoundedProtocol
from memos.interface.http.settings import MEGABYTE, HttpSettings
from memos.interface.mcp.server import Request, mcp_server
from memos.kernel.errors import InvalidInput, MemosError, Unauthenticated

if TYPE_CHECKING:
    from memos.interface.memory import Memory

PATH = "/mcp"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LEAVE_SECONDS = 10
"""How long requests that are being answered have when the server is told to end."""
_BEARER = "bearer "
SETTINGS = HttpSettings(body_bytes=4 * MEGABYTE)
"""The bounds of a body: the SDK takes no longer one."""


class ApiKeys:
    """Lets requests in that carry an API key; what is behind it finds whose they are in `principal_of`.

    A key is asked about before a body is read, and again when all of it is there: a body may take long.
    """

    def __init__(self, app: ASGIApp, memory: Memory) -> None:
        """Guard an application of an open vault."""
        self._app = app
        self._memory = memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_form(scope)
            key = _bearer(Headers(scope=scope))
            await self._principal(key)
            body = await _body(receive)
            principal = await self._principal(key)
        except ClientDisconnect:
            return
        except (MemosError, Refusal) as error:
            await answer_of(error)(scope, receive, send)
            return
        scope.setdefault("state", {})["memory"] = principal
        await self._app(scope, _replayed(body, receive), send)

    async def _principal(self, key: str) -> Memory:
        return await anyio.to_thread.run_sync(self._memory.as_api_key, key)


def principal_of(request: Request) -> Memory:
    """The open vault on behalf of the key that a request carries."""
    carried = cast(HttpRequest, request.request)
    return cast("Memory", carried.state.memory)


def http_app(
    memory: Memory, *, scope: str | None = None, settings: HttpSettings = SETTINGS
) -> ASGIApp:
    """The server as an ASGI application, for addresses of this machine alone.

    Args:
        memory: the open vault; each request is narrowed to its key.
        scope: as of `mcp_server`.
        settings: the bounds of a body, and which hosts are ours.
    """
    server = mcp_server(principal_of, scope=scope)
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        # Not the SDK's: the guard refuses other hosts and pages.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return Guard(ApiKeys(app, memory), settings)


def serve_http(memory: Memory, *, host: str, port: int, scope: str | None = None) -> None:
    """Answer on an address of this machine until the process is told to end.

    Raises:
        InvalidInput: the address is another's to reach; there is no TLS here.
    """
    if host not in LOOPBACK:
        raise InvalidInput(
            f"memos mcp --http listens on this machine only, not on {host}: put a server with TLS "
            "before it that passes requests on"
        )
    config = uvicorn.Config(
        http_app(memory, scope=scope),
        host=host,
        port=port,
        http=BoundedProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )
    uvicorn.Server(config).run()


async def _body(receive: Receive) -> bytes:
    """All of a request's body; `receive` bounds how long it is, and how long it takes."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was read, and then whatever follows it."""
    given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return given.pop() if given else await receive()

    return replayed


def _check_form(scope: Scope) -> None:
    if scope["query_string"]:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "malformed",
            "the address takes no query: a key goes into a header",
        )
    if scope["method"] != "POST":  # no stream is offered to GET, no session to DELETE
        raise Refusal(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "requests are sent by POST",
            headers={"Allow": "POST"},
        )


def _bearer(headers: Headers) -> str:
    given = headers.getlist("authorization")
    if len(given) != 1 or not given[0].lower().startswith(_BEARER):
        raise Unauthenticated("send an API key: Authorization: Bearer memos_…")
    return given[0][len(_BEARER) :].strip()
