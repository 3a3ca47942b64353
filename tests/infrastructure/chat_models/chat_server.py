"""A server that speaks OpenAI's chat completions, with pieces as server-sent events."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from tests.waiting import wait_until

SECONDS = 30
DONE = "data: [DONE]\n\n"


@dataclass
class ChatServer:
    """Answers every request with `pieces`, or as it is told, and keeps what it was asked.

    Attributes:
        pieces: of the answer.
        reply: what to answer to the last message of a request, in the place of pieces.
        cached_tokens: how many tokens of the prompt came from its cache, as it says.
        status, words: of a refusal; 200 for none.
        breaks_off: whether the answer ends before its end.
        raw: what to send in the place of pieces.
        location: where to send a client on to.
    """

    pieces: tuple[str, ...] = ("Kiln", " [x]", ".")
    reply: Callable[[str], str] | None = None
    cached_tokens: int | None = 12
    status: int = 200
    words: str = ""
    breaks_off: bool = False
    raw: str = ""
    location: str = ""
    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def systems(self) -> list[str]:
        """The system message of each request."""
        return [body["messages"][0]["content"] for body in self.asked]

    def said(self, number: int = -1) -> list[str]:
        """What stood behind the system message of a request."""
        return [message["content"] for message in self.asked[number]["messages"][1:]]

    async def answer(self, request: Request) -> Response:
        """The answer to a request."""
        asked = await request.json()
        self.asked.append(asked)
        self.headers.append(dict(request.headers))
        if self.location:
            return Response(status_code=307, headers={"Location": self.location})
        if self.status != 200:
            return Response(self.words, self.status)
        last = asked["messages"][-1]["content"]
        pieces = (self.reply(last),) if self.reply else self.pieces
        return StreamingResponse(self._events(pieces), media_type="text/event-stream")

    async def _events(self, pieces: tuple[str, ...]) -> AsyncIterator[str]:
        if self.raw:
            yield self.raw
            return
        for piece in pieces:
            self.sent += 1
            yield _event(choices=[_choice(piece, None)])
        if self.breaks_off:
            return
        yield _event(choices=[_choice("", "stop")])
        usage: dict[str, Any] = {"prompt_tokens": 40, "completion_tokens": 3, "total_tokens": 43}
        if self.cached_tokens is not None:
            usage["prompt_tokens_details"] = {"cached_tokens": self.cached_tokens}
        yield _event(choices=[], usage=usage)
        yield DONE


def _choice(piece: str, finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": {"content": piece}, "finish_reason": finish}


def _event(**fields: Any) -> str:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", **fields}
    return f"data: {json.dumps(chunk)}\n\n"


@contextmanager
def served() -> Iterator[ChatServer]:
    """A server on a port of its own."""
    chat = ChatServer()
    application = FastAPI()
    application.add_api_route("/v1/chat/completions", chat.answer, methods=["POST"])
    config = uvicorn.Config(application, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive(), "the server starts", every=0.01)
    assert server.started, "the server did not start"
    chat.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield chat
    finally:
        server.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive(), "the server does not end"
