"""An answer of the server that is asked, on its way to the caller."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

import httpx
from starlette.responses import Response

from memos.interface.http.problem_answers import answer_of
from memos.interface.http.problems import TYPE_PREFIX, Refusal, problem_of
from memos.interface.http.proxy.headers import HeaderPairs, answer_headers
from memos.interface.http.proxy.heard import HeardAnswer
from memos.interface.http.streams import ABORT, caller_goes
from memos.kernel.errors import MemosError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

LOG = logging.getLogger("memos.http")
EVENT_STREAM = "text/event-stream"
ERROR = "X-Memos-Error"
REQUEST_ID, OWN_REQUEST_ID = b"x-request-id", b"x-memos-request-id"
MOST_BYTES = 16_000_000
"""Of an answer that is held until its end: an error, and what is remembered before it goes on."""

Remember = Callable[[HeardAnswer], Awaitable[None]]
_End = Literal["passed", "caller gone", "key ended"]


def error_name(error: MemosError | Refusal) -> str:
    """The last part of the type of the problem that an error is."""
    return str(problem_of(error)["type"]).removeprefix(TYPE_PREFIX)


class RelayedAnswer(Response):
    """An answer that passes as it comes, until it ends, the caller goes, or their key ends.

    An answer that breaks off has no end here either: the connection is closed before it.
    """

    def __init__(
        self,
        asked: AbstractAsyncContextManager[httpx.Response],
        *,
        slot: AbstractContextManager[asyncio.Event],
        secret: str,
        headers: Mapping[str, str],
        remember: Remember | None = None,
        is_optional: bool = False,
    ) -> None:
        """Pass an answer on.

        Args:
            asked: gives the answer.
            slot: one of the caller's places; what it gives is set when their key ends.
            secret: that no header and no error has on its way to the caller.
            headers: that are added.
            remember: is given the answer, once it is whole.
            is_optional: whether the caller has the answer also where it cannot be remembered.
        """
        super().__init__()
        self._asked = asked
        self._slot = slot
        self._secret = secret
        self._added = dict(headers)
        self._remember = remember
        self._is_optional = is_optional
        self._heard: HeardAnswer | None = None
        self._is_started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask, and pass on what comes; what goes wrong before it begins is a problem."""
        try:
            with self._slot as ended:
                await self._relay(scope, receive, send, ended)
        except (MemosError, Refusal) as error:
            if self._is_started:
                LOG.warning("an answer broke off", extra={"error": error_name(error)})
                return
            answer = answer_of(error)
            answer.headers.update(self._added)
            await answer(scope, receive, send)

    async def _relay(
        self, scope: Scope, receive: Receive, send: Send, ended: asyncio.Event
    ) -> None:
        """Pass the answer on, and have it remembered before its end: also of a caller who has read the last
        of it, and is gone before that.

        Raises:
            MemosError, Refusal: it cannot be had, or not be remembered.
        """
        end = await self._until(self._pass(scope, send), receive, ended)
        if end == "key ended":
            if not self._is_started:
                raise Refusal(HTTPStatus.UNAUTHORIZED, "unauthenticated", "the key is good no more")
            scope["state"].get(ABORT, _nothing)()
            return
        if self._heard is not None:
            await self._have_remembered(self._heard)
        if end == "passed":
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until(
        self, passing: Awaitable[None], receive: Receive, ended: asyncio.Event
    ) -> _End:
        passes = asyncio.ensure_future(passing)
        going = asyncio.ensure_future(caller_goes(receive))
        ending = asyncio.ensure_future(ended.wait())
        tasks = (passes, going, ending)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if passes.done():
                passes.result()
                return "passed"
            return "caller gone" if going.done() else "key ended"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass(self, scope: Scope, send: Send) -> None:
        async with self._asked as response:
            came = answer_headers(response.headers.raw, self._secret)
            headers = _beside_ours(came, scope["state"]["answer_headers"])
            media_type = response.headers.get("content-type", "").partition(";")[0].strip()
            if response.is_error or (self._remember is not None and media_type != EVENT_STREAM):
                body = await _whole(response)
                if response.is_error:
                    body = _without(body, self._secret)
                else:
                    await self._have_remembered(HeardAnswer.of_whole(body))
                headers = _with_length(headers, len(body))
                await self._start(response.status_code, headers, send)
                await send({"type": "http.response.body", "body": body, "more_body": True})
            else:
                if self._remember is not None:
                    self._heard = HeardAnswer()
                await self._start(response.status_code, headers, send)
                await self._pass_parts(response, send)

    async def _pass_parts(self, response: httpx.Response, send: Send) -> None:
        async for part in response.aiter_raw():
            if self._heard is not None:
                self._heard.hear(part)
            await send({"type": "http.response.body", "body": part, "more_body": True})

    async def _start(self, status: int, headers: HeaderPairs, send: Send) -> None:
        added = [(name.lower().encode(), value.encode()) for name, value in self._added.items()]
        self._is_started = True
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *added]})

    async def _have_remembered(self, heard: HeardAnswer) -> None:
        """Have an answer remembered.

        Raises:
            MemosError, Refusal: it is not, and the caller wants that or nothing.
        """
        if self._remember is None:
            return
        try:
            await self._remember(heard)
        except (MemosError, Refusal) as error:
            LOG.error("an answer was not remembered", extra={"error": error_name(error)})
            self._added[ERROR] = error_name(error)
            if not self._is_optional:
                raise


async def _whole(response: httpx.Response) -> bytes:
    """The whole body, not encoded.

    Raises:
        Refusal: it is too long.
    """
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MOST_BYTES:
            raise Refusal(
                HTTPStatus.BAD_GATEWAY,
                "upstream-unreachable",
                f"the answer of the server behind this one is longer than {MOST_BYTES} bytes",
            )
    return bytes(body)


def _without(body: bytes, secret: str) -> bytes:
    """A server may quote the key that it was sent back; it goes to nobody."""
    return body.replace(secret.encode("ascii"), b"[key]") if secret else body


def _with_length(headers: HeaderPairs, length: int) -> HeaderPairs:
    of_encoded = (b"content-encoding", b"content-length")
    kept = [pair for pair in headers if pair[0] not in of_encoded]
    return [*kept, (b"content-length", str(length).encode())]


def _beside_ours(came: Iterable[tuple[bytes, bytes]], ours: HeaderPairs) -> HeaderPairs:
    """The headers that came, without those that this server says itself; but the id of the request is that
    of the server that answers, and ours has another name beside it.
    """
    pairs = list(came)
    if any(name == REQUEST_ID for name, _ in pairs):
        ours[:] = [(OWN_REQUEST_ID if name == REQUEST_ID else name, value) for name, value in ours]
    names = {name for name, _ in ours}
    return [pair for pair in pairs if pair[0] not in names]


def _nothing() -> None:
    """Where the server gives no way to break a connection."""
