"""A server of OpenAI's chat API, for the proxy to ask: it answers as it is told, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvicorn

from tests.interface.http.served import SECONDS
from tests.waiting import wait_until

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

EVENTS = "text/event-stream"
JSON = "application/json"
Headers = list[tuple[bytes, bytes]]


def chunk(
    piece: str | None = None, finish: str | None = None, index: int = 0, **more: Any
) -> bytes:
    """A chunk of a completion, as a server-sent event."""
    delta = {} if piece is None else {"content": piece}
    choices = [{"index": index, "delta": delta, "finish_reason": finish}]
    fields = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**fields, 'choices': choices, **more})}\n\n".encode()


def completion(text: str | None, finish: str = "stop", **more: Any) -> bytes:
    """A whole completion, with fields that nobody knows."""
    message = {"role": "assistant", "content": text, **more}
    return json.dumps(
        {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "extra": 1.50}],
            "usage": {"prompt_tokens": 40, "completion_tokens": 3, "total_tokens": 43},
            "x_unknown": {"kept": [None, 1e2]},
        },
        indent=1,
    ).encode()


BEFORE_ALL = -1
DONE = b"data: [DONE]\n\n"
STREAMED = (chunk("She likes "), chunk("tea ☕."), chunk(finish="stop"), DONE)


@dataclass
class Answer:
    """What is answered, to every request.

    Attributes:
        status, media_type, headers, parts: of the answer; each part is sent by itself.
        waits_before: the part before which it waits until `go_on` is set; -1 waits before the headers.
        breaks_off: whether the answer ends before its end.
    """

    status: int = 200
    media_type: str = JSON
    headers: Headers = field(default_factory=list)
    parts: tuple[bytes, ...] = (completion("She likes tea."),)
    waits_before: int | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    breaks_off: bool = False

    async def send(self, send: Send) -> None:
        """Send it."""
        if self.waits_before == BEFORE_ALL:
            await self._wait()
        length: Headers = []
        if self.media_type == JSON:
            length = [(b"content-length", str(len(b"".join(self.parts))).encode())]
        headers = [(b"content-type", self.media_type.encode()), *length, *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        for number, part in enumerate(self.parts):
            if self.waits_before == number:
                await self._wait()
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if not self.breaks_off:
            await send({"type": "http.response.body", "body": b""})

    async def _wait(self) -> None:
        while not await asyncio.to_thread(self.go_on.wait, 0.02):
            pass


@dataclass
class Upstream:
    """Answers every request so, and keeps it."""

    answer: Answer = field(default_factory=Answer)
    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    callers_gone: int = 0
    open: int = 0

    def streams(self, *parts: bytes, **more: Any) -> None:
        """Answer with server-sent events."""
        self.answer = Answer(media_type=EVENTS, parts=parts or STREAMED, **more)

    def says(self, body: bytes, status: int = 200, headers: Headers | None = None) -> None:
        """Answer with one body."""
        self.answer = Answer(status=status, parts=(body,), headers=headers or [])

    def forget(self) -> None:
        """Forget what was asked."""
        for kept in (self.bodies, self.heads, self.targets):
            kept.clear()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The bodies, read."""
        return [json.loads(body) for body in self.bodies]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of the last request."""
        messages: list[dict[str, Any]] = self.asked[-1]["messages"]
        return messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(body)
        pairs = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        self.heads.append(dict(pairs))
        query = scope["query_string"].decode()
        self.targets.append(f"{scope['method']} {scope['path']}{'?' + query if query else ''}")
        self.open += 1
        answering = asyncio.ensure_future(self.answer.send(send))
        going = asyncio.ensure_future(receive())
        await asyncio.wait((answering, going), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            self.callers_gone += 1
            answering.cancel()
        going.cancel()
        self.open -= 1


@contextmanager
def listening() -> Iterator[Upstream]:
    """A server on a port of its own."""
    upstream = Upstream()
    config = uvicorn.Config(
        upstream, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "the server starts", 0.01)
    upstream.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        upstream.answer.go_on.set()
        server.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive(), "the server does not end"
