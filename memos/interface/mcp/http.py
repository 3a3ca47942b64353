"""The MCP server over streamable HTTP: every request carries an API key, and nothing is kept between two.

There are no sessions and no open streams: a request is answered with one JSON document, so a key
that is revoked is refused at the next request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import anyio
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from memos.interface.mcp.server import Request, mcp_server
from memos.kernel.errors import InvalidInput, MemosError, Unauthenticated

if TYPE_CHECKING:
    from memos.interface.memory import Memory

PATH = "/mcp"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LEAVE_SECONDS = 10
"""How long requests that are being answered have when the server is told to end."""
_BEARER = "bearer "


class ApiKeys:
    """Lets requests in that carry an API key; what is behind it finds whose they are in `principal_of`."""

    def __init__(self, app: ASGIApp, memory: Memory) -> None:
        """Guard an application of an open vault."""
        self._app = app
        self._memory = memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = _refusal_of_form(scope)
        if refusal is None:
            try:
                key = _bearer(Headers(scope=scope))
                memory = await anyio.to_thread.run_sync(self._memory.as_api_key, key)
            except Unauthenticated as error:
                refusal = _refusal(401, error, {"WWW-Authenticate": "Bearer"})
            except MemosError as error:
                refusal = _refusal(503, error)
            else:
                scope.setdefault("state", {})["memory"] = memory
        await (refusal or self._app)(scope, receive, send)


def principal_of(request: Request) -> Memory:
    """The open vault on behalf of the key that a request carries."""
    carried = cast(HttpRequest, request.request)
    return cast("Memory", carried.state.memory)


def http_app(memory: Memory, *, scope: str | None = None) -> ASGIApp:
    """The server as an ASGI application, for addresses of this machine alone.

    Args:
        memory: the open vault; each request is narrowed to its key.
        scope: as of `mcp_server`.
    """
    server = mcp_server(principal_of, scope=scope)
    hosts = [f"{_in_url(host)}:*" for host in LOOPBACK]
    # A page of another site that has its name point at this machine is refused by its Host.
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=hosts,
        allowed_origins=[f"http://{host}" for host in hosts],
    )
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        transport_security=security,
    )
    return ApiKeys(app, memory)


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
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )
    uvicorn.Server(config).run()


def _refusal_of_form(scope: Scope) -> Response | None:
    if scope["query_string"]:
        return _refusal(400, InvalidInput("the address takes no query: a key goes into a header"))
    if scope["method"] != "POST":  # no stream is offered to GET, no session to DELETE
        return _refusal(405, InvalidInput("requests are sent by POST"), {"Allow": "POST"})
    return None


def _bearer(headers: Headers) -> str:
    given = headers.getlist("authorization")
    if len(given) != 1 or not given[0].lower().startswith(_BEARER):
        raise Unauthenticated("send an API key: Authorization: Bearer memos_…")
    return given[0][len(_BEARER) :].strip()


def _refusal(status: int, error: MemosError, headers: dict[str, str] | None = None) -> Response:
    told: dict[str, Any] = {"error": f"{type(error).__name__}: {error}"}
    return JSONResponse(told, status, headers)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
