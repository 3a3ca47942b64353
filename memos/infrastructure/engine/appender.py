"""Who appends a vault's own events in an open transaction, and sees what they led to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.owed import OwedErase
from memos.infrastructure.engine.reader import Reader
from memos.kernel.cube import CubeState
from memos.kernel.event import Position


class ListedErases(NamedTuple):
    """What a list of erases names: memories, and digests of subjects of whom nothing stays."""

    cube_ids: frozenset[bytes] | set[bytes] = frozenset()
    subjects: frozenset[bytes] | set[bytes] = frozenset()


class Appender(Protocol):
    """What every transaction has that appends events of its own."""

    def append(self, draft: Draft) -> Committed:
        """Append one event; it is folded, and so is all that follows from it."""
        ...

    def head(self, cube_id: bytes) -> CubeState | None:
        """A cube as this writer sees it."""
        ...

    def heads(self, cube_ids: Iterable[bytes]) -> list[CubeState]:
        """Those of some cubes that there are, in their order, as this writer sees them."""
        ...

    def reader(self) -> Reader:
        """Reads with what was appended so far."""
        ...

    def keep_owed(self, owed: Iterable[OwedErase]) -> None:
        """Keep these as the erases that wait for a hold to be lifted, in the place of those kept."""
        ...

    def read_end(self) -> list[Position]:
        """Where the log ends now, of each partition: all that stands before it is then readable."""
        ...
