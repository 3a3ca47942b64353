"""Answers that were given, for who asks for one again because it did not come through."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from threading import Lock
from typing import NamedTuple

from memos.infrastructure.chat_models.port import ChatPrompt, TokenUsage
from memos.kernel.errors import InvalidInput

MOST_OWNERS = 256
MOST_OF_AN_OWNER = 32

Pieces = tuple[str | TokenUsage, ...]


class _Finished(NamedTuple):
    asked: bytes
    pieces: Pieces


class FinishedAnswers:
    """The last answers of the owners who asked last, by request id. Safe for threads."""

    def __init__(
        self, most_owners: int = MOST_OWNERS, most_of_an_owner: int = MOST_OF_AN_OWNER
    ) -> None:
        self._most_owners = most_owners
        self._most_of_an_owner = most_of_an_owner
        self._owners: OrderedDict[str, OrderedDict[str, _Finished]] = OrderedDict()
        self._forgotten = 0
        self._lock = Lock()

    @property
    def forgotten(self) -> int:
        """How often answers were forgotten on demand. Whoever begins an answer takes it along."""
        return self._forgotten

    def find(self, request_id: str, prompt: ChatPrompt) -> Pieces | None:
        """The answer to a request of the prompt's owner, where it is known.

        Raises:
            InvalidInput: the id was another request's.
        """
        with self._lock:
            answers = self._owners.get(prompt.owner)
            finished = None if answers is None else answers.get(request_id)
        if finished is None:
            return None
        if finished.asked != _digest(prompt):
            raise InvalidInput("the request's id was used for another prompt: give each its own")
        return finished.pieces

    def keep(
        self, request_id: str, prompt: ChatPrompt, pieces: Sequence[str | TokenUsage], begun: int
    ) -> None:
        """Keep an answer, unless some were forgotten since it was begun: it may be made of what they
        were.

        Args:
            request_id: the request's.
            prompt: what was asked.
            pieces: the answer, whole.
            begun: `forgotten` at its beginning.
        """
        finished = _Finished(_digest(prompt), tuple(pieces))
        with self._lock:
            if begun != self._forgotten:
                return
            answers = self._owners.setdefault(prompt.owner, OrderedDict())
            self._owners.move_to_end(prompt.owner)
            answers[request_id] = finished
            if len(answers) > self._most_of_an_owner:
                answers.popitem(last=False)
            if len(self._owners) > self._most_owners:
                self._owners.popitem(last=False)

    def forget(self, owner: str) -> None:
        """Forget an owner's answers: what they were made of has changed."""
        with self._lock:
            self._forgotten += 1
            self._owners.pop(owner, None)

    def forget_all(self) -> None:
        """Forget everybody's answers."""
        with self._lock:
            self._forgotten += 1
            self._owners.clear()


def _digest(prompt: ChatPrompt) -> bytes:
    """Of all that an answer depends on; what seals the memories has no part in it, and is not shown."""
    return sha256(repr(prompt).encode()).digest()
