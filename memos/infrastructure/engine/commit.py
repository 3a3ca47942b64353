"""What a write gives an engine, and what it gets back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from memos.kernel.cube import CubeState
from memos.kernel.event import Position
from memos.kernel.outcome import Outcome
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event


class Draft(NamedTuple):
    """An event ready to be appended; its body in clear for the index, and a new cube's key.

    `is_new` says that the cube's id was made for this event, so no state needs to be looked up.
    """

    event: Event
    body: Body | None = None
    cube_key: bytes | None = None
    is_new: bool = False


class Committed(NamedTuple):
    """A folded event and all that followed from it."""

    event: Event
    position: Position
    log_time: int
    outcome: Outcome
    state: CubeState | None
    consequences: tuple[Committed, ...] = ()

    def walk(self) -> Iterator[Committed]:
        """This one and, depth first, everything that followed."""
        yield self
        for consequence in self.consequences:
            yield from consequence.walk()


class Purged(NamedTuple):
    """How many rows an erase removed."""

    cube_keys: int
    texts: int
    spans: int
    postings: int
    vectors: int
