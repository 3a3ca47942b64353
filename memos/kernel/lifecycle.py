"""Which moves between states are legal, and by which kind of event (design: events, lifecycle)."""

from __future__ import annotations

from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.event import Kind
from memos.wire.event_pb2 import Event

_LIVE = frozenset({Lifecycle.GENERATED, Lifecycle.ACTIVATED})
_UNFROZEN = frozenset(
    {
        Lifecycle.GENERATED,
        Lifecycle.ACTIVATED,
        Lifecycle.MERGED,
        Lifecycle.ARCHIVED,
        Lifecycle.EXPIRED,
    }
)

MOVES: dict[Kind, tuple[frozenset[Lifecycle], Lifecycle]] = {
    Kind.ACTIVATED: (frozenset({Lifecycle.GENERATED}), Lifecycle.ACTIVATED),
    Kind.MERGED: (
        frozenset({Lifecycle.GENERATED, Lifecycle.ACTIVATED, Lifecycle.ARCHIVED}),
        Lifecycle.MERGED,
    ),
    Kind.ARCHIVED: (
        frozenset({Lifecycle.GENERATED, Lifecycle.ACTIVATED, Lifecycle.MERGED, Lifecycle.EXPIRED}),
        Lifecycle.ARCHIVED,
    ),
    Kind.RESTORED: (frozenset({Lifecycle.ARCHIVED, Lifecycle.EXPIRED}), Lifecycle.ACTIVATED),
    Kind.FROZEN: (_UNFROZEN, Lifecycle.FROZEN),
    Kind.EXPIRED: (
        frozenset({Lifecycle.GENERATED, Lifecycle.ACTIVATED, Lifecycle.MERGED, Lifecycle.ARCHIVED}),
        Lifecycle.EXPIRED,
    ),
    Kind.ERASED: (_UNFROZEN, Lifecycle.ERASED),
    Kind.EVICTED: (_LIVE, Lifecycle.ARCHIVED),
    Kind.RETIRED: (_LIVE, Lifecycle.ARCHIVED),
}
"""For a kind that moves a cube: the states it may come from, and the state it goes to.

Thawed goes back to where the cube was, and only a rollback of the merge leaves Merged for
Activated, which a rollback of that rollback takes back; the fold knows these.
"""

CONTENT_STATES = _LIVE
"""The states in which content, tags and metadata may change: elsewhere, restore the cube first."""


def may_move(state: Lifecycle, kind: Kind) -> bool:
    """Whether an event of `kind` may move a cube out of `state`."""
    move = MOVES.get(kind)
    return move is not None and state in move[0]


def frozen_allows(state: CubeState, event: Event) -> bool:
    """Whether a frozen cube takes an event. A freeze that yields also becomes a hold, and is asked
    for an erase that ends it.
    """
    kind, yields = event.kind, state.yields_to_erase
    if kind == Kind.THAWED:
        return yields or not event.thawed.freeze_only
    if kind == Kind.FROZEN:
        return yields and not event.frozen.yields_to_erase
    if kind == Kind.ERASE_REQUESTED:
        return yields and event.erase_requested.ends_freezes
    return kind == Kind.DECIDED
