"""The server that is asked: by address and key that this server was told, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from memos.interface.http.problems import Refusal
from memos.interface.http.proxy.headers import HeaderPairs
from memos.interface.http.settings import Upstream

CONNECT_SECONDS = 10.0
WRITE_SECONDS = 30.0
ANSWER_SECONDS = 600.0
"""Until an answer begins, and between two parts of it: what OpenAI's own clients wait."""

IDLE_CONNECTIONS = 100


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What is sent to the server that is asked.

    Attributes:
        method: of HTTP.
        path: below the base address.
        query: of the address that the caller asked.
        headers: all of them but host and length.
        body: as it is.
    """

    method: str
    path: str
    query: bytes = b""
    headers: HeaderPairs = field(default_factory=list, repr=False)
    body: bytes = field(default=b"", repr=False)


class UpstreamClient:
    """Asks the server; no redirect is followed, no cookie kept, and no proxy of the environment used."""

    def __init__(self, upstream: Upstream) -> None:
        self._base = upstream.base_url.rstrip("/")
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, write=WRITE_SECONDS),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=IDLE_CONNECTIONS),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
        )

    @asynccontextmanager
    async def ask(self, request: UpstreamRequest) -> AsyncIterator[httpx.Response]:
        """The answer to a request, whose body is still to be read; behind the block it is let go of.

        Raises:
            Refusal: there is none, or it breaks off within the block.
        """
        try:
            response = await self._client.send(self._made(request), stream=True)
            try:
                if response.has_redirect_location:
                    raise _bad_gateway("answers from elsewhere, and no redirect is followed")
                yield response
            finally:
                await response.aclose()
        except httpx.TimeoutException:
            raise Refusal(
                HTTPStatus.GATEWAY_TIMEOUT,
                "upstream-timeout",
                "the server behind this one did not answer in time: ask again later",
            ) from None
        except (httpx.LocalProtocolError, httpx.InvalidURL):
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "malformed",
                "a header or the query of the request cannot be sent on",
            ) from None
        except httpx.RequestError:
            raise _bad_gateway("cannot be reached, or broke off: ask again later") from None

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.aclose()

    def _made(self, request: UpstreamRequest) -> httpx.Request:
        """Made apart from the client, which would add headers of its own."""
        url = httpx.URL(self._base + request.path)
        if request.query:
            url = url.copy_with(query=request.query)
        return httpx.Request(
            request.method, url, headers=request.headers, content=request.body or None
        )


def _bad_gateway(what: str) -> Refusal:
    return Refusal(
        HTTPStatus.BAD_GATEWAY, "upstream-unreachable", f"the server behind this one {what}"
    )
