"""What an answer of OpenAI's chat API says, read beside its way to the caller."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Self

MOST_BYTES = 16_000_000
"""Of an answer that is to be remembered."""

_NO_ANSWER = (None, "tool_calls", "function_call", "content_filter")
"""How what is no answer ends: it broke off, or asks a tool first, or was withheld."""


class HeardAnswer:
    """The first of the answers to a request: chunks of it as server-sent events, or a chat completion."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._bytes = 0
        self._is_stream = True

    @classmethod
    def of_whole(cls, body: bytes) -> Self:
        """A chat completion."""
        heard = cls()
        heard._is_stream = False
        heard.hear(body)
        return heard

    def hear(self, part: bytes) -> None:
        """Take the next part."""
        self._bytes += len(part)
        if self._bytes <= MOST_BYTES:
            self._parts.append(part)

    def text(self) -> str | None:
        """What the answer says; None where it is none, for it broke off, or asks a tool first.

        Raises:
            ValueError: it cannot be read.
        """
        if self._bytes > MOST_BYTES:
            raise ValueError("it is too long")
        pieces: list[str] = []
        finish: str | None = None
        try:
            for said, ended in self._first_choices():
                pieces.append(said.get("content") or "")
                finish = ended or finish
            text = "".join(pieces)
        except (AttributeError, TypeError, RecursionError):
            raise ValueError("it is no chat completion") from None
        return text if text.strip() and finish not in _NO_ANSWER else None

    def _first_choices(self) -> Iterator[tuple[dict[str, Any], str | None]]:
        """What the first choice says, piece by piece, and how it ended."""
        body = b"".join(self._parts).decode("utf-8")
        name = "delta" if self._is_stream else "message"
        for each in _events(body) if self._is_stream else [json.loads(body)]:
            for choice in each.get("choices") or ():
                if choice.get("index", 0) == 0:
                    yield choice.get(name) or {}, choice.get("finish_reason")


def _events(body: str) -> Iterator[Any]:
    """The data of server-sent events that is JSON; an event without an end is none.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """
    data: list[str] = []
    for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            if (joined := "\n".join(data)) != "[DONE]":
                yield json.loads(joined)
            data = []
