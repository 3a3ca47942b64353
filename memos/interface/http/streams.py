"""Answers that go on: how many a caller has open, and what ends them.

An answer of which nobody reads fills the connection's buffer and waits there; nothing more is read for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, aclosing, contextmanager
from typing import TYPE_CHECKING

from starlette.responses import Response

from memos.interface.http.problem_answers import answer_of
from memos.interface.http.problems import Refusal, too_many
from memos.kernel.errors import MemosError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from memos.interface.http.caller import Caller, Callers
    from memos.interface.http.metrics import HttpMetrics

KEY_SECONDS = 0.25
"""Between two looks at whether the key of an open answer is good still."""

END_SECONDS = 0.2
"""How long the end of an answer may take, where it is ended: then the connection is broken."""

ABORT = "abort_connection"
"""Where in a request's state the server puts what breaks its connection."""


class _Open:
    """The open answers of one key: how many, and what is set once they are to end."""

    def __init__(self) -> None:
        self.count = 0
        self.ended = asyncio.Event()
        self.watching: asyncio.Task[None] | None = None


class Streams:
    """The answers that go on; for the event loop's thread alone."""

    def __init__(self, callers: Callers, most: int, metrics: HttpMetrics) -> None:
        """Of callers, each of whom may have so many open."""
        self._callers = callers
        self._most = most
        self._metrics = metrics
        self._open: dict[bytes, _Open] = {}
        self.is_stopping = False

    def __len__(self) -> int:
        """How many are open."""
        return sum(each.count for each in self._open.values())

    @contextmanager
    def one_more(self, caller: Caller) -> Iterator[asyncio.Event]:
        """Hold one of the caller's places; what comes is set when the key ends, or the server.

        Raises:
            Refusal: all are taken.
        """
        opened = self._open.setdefault(caller.identity, _Open())
        if opened.count >= self._most:
            raise too_many(
                "too-many-streams",
                f"the key has {self._most} changes and bulks open: end one of them first",
            )
        if opened.watching is None:
            opened.watching = asyncio.create_task(self._watch(caller, opened.ended))
        opened.count += 1
        self._metrics.open_streams.inc()
        try:
            yield opened.ended
        finally:
            self._metrics.open_streams.dec()
            opened.count -= 1
            if not opened.count:
                opened.watching.cancel()
                self._open.pop(caller.identity, None)

    def stop(self) -> None:
        """End all of them, for the server ends."""
        self.is_stopping = True
        for opened in self._open.values():
            opened.ended.set()

    async def _watch(self, caller: Caller, ended: asyncio.Event) -> None:
        """Tell when a key is good no more, or nobody can say whether it is."""
        while not self.is_stopping:
            try:
                await self._callers.check(caller)
            except MemosError:
                break
            await asyncio.sleep(KEY_SECONDS)
        ended.set()


class StreamedAnswer(Response):
    """An answer whose parts come one by one, until there are no more, or the caller goes."""

    def __init__(
        self,
        parts: Callable[[asyncio.Event], AsyncGenerator[bytes]],
        media_type: str,
        *,
        slot: AbstractContextManager[asyncio.Event],
        is_endless: bool,
    ) -> None:
        """Answer with parts.

        Args:
            parts: gives what is sent, and is given what is set when the answer is to end.
            media_type: what it is.
            slot: one of the caller's places.
            is_endless: whether it goes on until it is ended. Other parts end by themselves, and may
                read the body meanwhile.
        """
        super().__init__(None, media_type=media_type, headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._parts = parts
        self._slot = slot
        self._is_endless = is_endless

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the parts, or that there is no place for them."""
        with ExitStack() as held:
            try:
                ended = held.enter_context(self._slot)
            except Refusal as refusal:
                await answer_of(refusal)(scope, receive, send)
                return
            if not self._is_endless:
                await self._write(send, ended)
            elif await self._is_cut_short(receive, send, ended):
                await _end(scope, send)

    async def _is_cut_short(self, receive: Receive, send: Send, ended: asyncio.Event) -> bool:
        """Send the parts until there is a reason not to; whether the caller waits for their end then."""
        writing = asyncio.ensure_future(self._write(send, ended))
        ending = asyncio.ensure_future(ended.wait())
        going = asyncio.ensure_future(_caller_goes(receive))
        tasks = (writing, ending, going)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
            return ending.done()
        except MemosError:
            return True  # the caller goes on from the last part, and is told why not then
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, send: Send, ended: asyncio.Event) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        async with aclosing(self._parts(ended)) as parts:
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
