"""The fold with what it needs to know an event that is repeated under its own id: one under an
idempotency key, and one that follows from another, which is appended again where a worker was cut off.

The fold is given one row beside the cube's state: the event of the same id that the cube accepted
before. A cube's state so does not grow with its keys, and a key lasts for ever.
"""

from __future__ import annotations

from collections.abc import Callable

from memos.kernel.cube import CubeState, KeyedEvent
from memos.kernel.fold import FoldResult, fold
from memos.kernel.outcome import Outcome, Result
from memos.wire.event_pb2 import Event

Place = tuple[bytes, bytes]
"""A cube id and an event id."""


def nothing_stored(event: Event) -> KeyedEvent | None:
    """Where cubes are folded from their beginning, nothing was accepted before."""
    return None


class KeyedFold:
    """Folds events in their order. Live writing, a rebuild and an audit differ in `stored` alone.

    Args:
        stored: finds what was accepted and `forget` has dropped since: the event of the same id on
            the same cube. It is asked for events that may repeat only, on cubes that are there.
    """

    def __init__(self, stored: Callable[[Event], KeyedEvent | None] = nothing_stored) -> None:
        self._stored = stored
        self._accepted: dict[Place, KeyedEvent] = {}

    def fold(self, state: CubeState | None, event: Event) -> FoldResult:
        """Fold one event; see `memos.kernel.fold.fold`."""
        if not may_repeat(event):
            return fold(state, event)
        place = event.cube_id, event.event_id
        before = None if state is None else self._accepted.get(place) or self._stored(event)
        folded = fold(state, event, before)
        accepted = keyed_event(event, folded[1])
        if accepted is not None:
            self._accepted[place] = accepted
        return folded

    def forget(self) -> None:
        """Drop what was accepted so far: it is stored, or undone."""
        self._accepted.clear()


def may_repeat(event: Event) -> bool:
    """Whether an event may come again under its id: it has a key, or follows from another."""
    return bool(event.idempotency_digest or event.cause_id)


def keyed_event(event: Event, outcome: Outcome) -> KeyedEvent | None:
    """What a repeat of an event is known by; None where it never repeats or was not accepted."""
    if not may_repeat(event) or outcome.result is not Result.ACCEPTED:
        return None
    return KeyedEvent(event.event_id, event.command_mac, outcome.version)
