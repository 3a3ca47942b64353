"""Which memories stand in the histories that clients send again without them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from memos.operation.chat.dialogue import FoundMemories

KEPT_SECONDS = 3600.0
"""Behind a turn: no provider keeps the prefix of a prompt for longer."""

MOST_CHARACTERS = 32_000_000
"""Of all turns together; those that were asked for longest ago go first."""


class KeptTurn(NamedTuple):
    """What one turn leaves to the next.

    Attributes:
        state: of the context, as `Memory.context_session` takes it.
        found: by where a user's message stands, what was found for it and stands in front of it.
    """

    state: str
    found: Mapping[int, FoundMemories]

    @property
    def characters(self) -> int:
        """How long it is."""
        return len(self.state) + sum(len(each.text) for each in self.found.values())


class Conversations:
    """The turns that were taken, by a digest of the messages up to their question. To lose one costs its
    conversation the prompt cache, and nothing else. For the event loop's thread alone.
    """

    def __init__(self) -> None:
        self._turns: OrderedDict[bytes, tuple[KeptTurn, asyncio.TimerHandle]] = OrderedDict()
        self._characters = 0

    def get(self, digest: bytes | None) -> KeptTurn | None:
        """The turn that ended with these messages."""
        if digest is None or digest not in self._turns:
            return None
        self._turns.move_to_end(digest)
        return self._turns[digest][0]

    def keep(self, digest: bytes, turn: KeptTurn) -> None:
        """Keep a turn for a while."""
        self._let_go(digest)
        ending = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._let_go, digest)
        self._turns[digest] = (turn, ending)
        self._characters += turn.characters
        while self._characters > MOST_CHARACTERS:
            self._let_go(next(iter(self._turns)))

    def _let_go(self, digest: bytes) -> None:
        kept = self._turns.pop(digest, None)
        if kept is not None:
            turn, ending = kept
            ending.cancel()
            self._characters -= turn.characters
