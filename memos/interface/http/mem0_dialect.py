"""What mem0's client says otherwise in HTTP, on mem0's paths: its scheme of keys, and its errors as plain JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

from memos.interface.http.answers import JSON
from memos.interface.http.problems import PROBLEM_MEDIA_TYPE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEM0_PATH = re.compile(r"/(?:api/v1|v[123])/(?:.*/)?", re.DOTALL)
"""mem0's paths end with a slash; no other path does."""

_TOKEN = re.compile(rb"\s*token\s+", re.IGNORECASE)


class Mem0Dialect:
    """Takes `Authorization: Token KEY` for a bearer token, and has problems read by a client that looks for
    `application/json`; on mem0's paths alone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not MEM0_PATH.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def plain_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type") == PROBLEM_MEDIA_TYPE:
                    headers["content-type"] = JSON
            await send(message)

        headers = [(name, _bearer(name, value)) for name, value in scope["headers"]]
        await self._app({**scope, "headers": headers}, receive, plain_send)


def _bearer(name: bytes, value: bytes) -> bytes:
    return (
        _TOKEN.sub(b"Bearer ", value, count=1)
        if name == b"authorization" and _TOKEN.match(value)
        else value
    )
