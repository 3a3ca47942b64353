"""Answers that go on: how many a caller has open, and how one ends.

An answer of which nobody reads fills the connection's buffer and waits there; nothing more is read for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, aclosing, contextmanager
from typing import TYPE_CHECKING

from starlette.responses import Response

from memos.interface.http.problem_answers import answer_of
from memos.interface.http.problems import Refusal, too_many

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import Receive, Scope, Send

    from memos.interface.http.caller import Caller
    from memos.interface.http.metrics import HttpMetrics

END_SECONDS = 0.2
"""How long the end of an answer may take, where it is ended: then the connection is broken."""

ABORT = "abort_connection"
"""Where in a request's state the server puts what breaks its connection."""


class Streams:
    """The answers that go on; for the event loop's thread alone."""

    def __init__(self, most: int, metrics: HttpMetrics) -> None:
        self._most = most
        self._open: Counter[bytes] = Counter()
        self._metrics = metrics
        self.stopping = asyncio.Event()

    @contextmanager
    def one_more(self, caller: Caller) -> Iterator[None]:
        """Hold one of the caller's places.

        Raises:
            Refusal: all are taken.
        """
        if self._open[caller.identity] >= self._most:
            raise too_many(
                "too-many-streams",
                f"the key has {self._most} changes and bulks open: end one of them first",
            )
        self._open[caller.identity] += 1
        self._metrics.open_streams.inc()
        try:
            yield
        finally:
            self._metrics.open_streams.dec()
            self._open[caller.identity] -= 1
            if not self._open[caller.identity]:
                del self._open[caller.identity]

    def stop(self) -> None:
        """End all of them, for the server ends."""
        self.stopping.set()


class StreamedAnswer(Response):
    """An answer whose parts come one by one, until there are no more, the caller goes, or it is ended."""

    def __init__(
        self,
        parts: AsyncGenerator[bytes],
        media_type: str,
        *,
        slot: Callable[[], AbstractContextManager[None]],
        ends: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Answer with parts.

        Args:
            parts: what is sent.
            media_type: what it is.
            slot: holds one of the caller's places, or refuses to.
            ends: returns when the answer is to end before its parts do. Without it, the parts end by
                themselves, and read the body meanwhile: whether the caller went they see.
        """
        super().__init__(None, media_type=media_type, headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._parts = parts
        self._slot = slot
        self._ends = ends

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the parts, or that there is no place for them."""
        with ExitStack() as held:
            try:
                held.enter_context(self._slot())
            except Refusal as refusal:
                await self._parts.aclose()
                await answer_of(refusal)(scope, receive, send)
                return
            await self._run(scope, receive, send)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._ends is None:
            await self._write(send)
            return
        writing = asyncio.ensure_future(self._write(send))
        ending = asyncio.ensure_future(self._ends())
        going = asyncio.ensure_future(_caller_goes(receive))
        tasks = {writing, ending, going}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if writing in done:
            writing.result()
        elif going not in done:
            await _end(scope, send)

    async def _write(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        async with aclosing(self._parts) as parts:
            async for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _caller_goes(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(scope: Scope, send: Send) -> None:
    """End an answer; where its end cannot be sent, for nobody reads it, break the connection."""
    try:
        async with asyncio.timeout(END_SECONDS):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except TimeoutError:
        scope["state"].get(ABORT, _nothing)()


def _nothing() -> None:
    """Where the server gives no way to break a connection."""
