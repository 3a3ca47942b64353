"""The messages of a request to OpenAI's chat API: where the question stands, and where memories are put."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import Any, NoReturn

from memos.interface.http.problems import Refusal
from memos.kernel.errors import InvalidInput

JsonObject = dict[str, Any]
LONGEST_QUERY = 2_000
"""Characters. Of a longer question, such as one about a text that stands in it, what is searched with is how
it begins and how it ends.
"""
_OPENING_ROLES = ("system", "developer")


def read_body(body: bytes) -> JsonObject:
    """The object that a request's body is.

    Raises:
        Refusal: it is none.
    """
    try:
        fields = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise Refusal(HTTPStatus.BAD_REQUEST, "malformed", "the body is no JSON object in UTF-8")
    return fields


def write_body(fields: JsonObject) -> bytes:
    """A body with these fields.

    Raises:
        Refusal: a number in it is too large to be sent on as it came.
    """
    try:
        return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (ValueError, RecursionError):
        detail = "a number in the body is too large, or it is nested too deep"
        raise Refusal(HTTPStatus.BAD_REQUEST, "malformed", detail) from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


class ChatMessages:
    """The messages of a request, as its client sent them.

    Attributes:
        question: where the user's last message stands.
        words: what that message says.
    """

    def __init__(self, given: object) -> None:
        """Read messages.

        Raises:
            InvalidInput: memories cannot be put into them; what else they hold is not looked at.
        """
        if not isinstance(given, list) or not all(map(_is_message, given)):
            raise InvalidInput("messages must be a list of messages, each with a role")
        self._messages: list[JsonObject] = given
        asked = [place for place, message in enumerate(given) if message["role"] == "user"]
        if not asked:
            raise InvalidInput(
                "no message is the user's: there is no question to find memories for"
            )
        self._asked = asked
        self.question = asked[-1]
        self.words = "\n".join(_words(given[self.question]))

    @property
    def query(self) -> str:
        """What memories are searched with."""
        if len(self.words) <= LONGEST_QUERY:
            return self.words
        half = LONGEST_QUERY // 2
        return f"{self.words[:half]}\n{self.words[-half:]}"

    def digests(self, owner: bytes) -> tuple[bytes | None, bytes]:
        """What tells the messages up to the question before, if there is one, and up to the question from
        all others of any owner.

        Raises:
            InvalidInput: they are nested too deep.
        """
        running, found = sha256(owner), []
        try:
            for place, message in enumerate(self._messages[: self.question + 1]):
                running.update(json.dumps(message, sort_keys=True).encode("ascii") + b"\n")
                if place in self._asked[-2:]:
                    found.append(running.digest())
        except RecursionError:
            raise InvalidInput("messages are nested too deep") from None
        return (found[0] if len(found) > 1 else None), found[-1]

    def with_memories(self, pinned: str, found: Mapping[int, str]) -> Sequence[JsonObject]:
        """The messages with a pinned block behind the instructions, and blocks in front of questions.

        Args:
            pinned: the block; empty for none.
            found: by where a user's message stands, the block in front of its words.
        """
        messages = [
            _in_front(message, found[place]) if place in found else message
            for place, message in enumerate(self._messages)
        ]
        if not pinned:
            return messages
        opening = next(
            (n for n, each in enumerate(messages) if each["role"] not in _OPENING_ROLES), 0
        )
        if not opening:
            return [{"role": "system", "content": pinned}, *messages]
        messages[opening - 1] = _behind(messages[opening - 1], pinned)
        return messages


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str)


def _words(message: JsonObject) -> Iterator[str]:
    """What a message says; pictures and the like say nothing."""
    content = message.get("content")
    if isinstance(content, str):
        yield content
        return
    for part in _parts(message):
        text = part.get("text") if isinstance(part, dict) else None
        if isinstance(text, str):
            yield text


def _in_front(message: JsonObject, block: str) -> JsonObject:
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": f"{block}\n{content}"}
    return {**message, "content": [{"type": "text", "text": block}, *_parts(message)]}


def _behind(message: JsonObject, block: str) -> JsonObject:
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": f"{content}\n\n{block}"}
    return {**message, "content": [*_parts(message), {"type": "text", "text": block}]}


def _parts(message: JsonObject) -> list[Any]:
    content = message.get("content")
    if not isinstance(content, list):
        raise InvalidInput(f"the content of a {message['role']} message is neither text nor parts")
    return content
