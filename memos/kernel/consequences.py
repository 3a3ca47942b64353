"""What follows from an accepted event on other cubes: events with ids that come from their cause.

They follow from the event alone, so whoever has it knows them, and a replay makes no second copy.
"""

from __future__ import annotations

from collections.abc import Iterator

from memos.kernel.event import Kind, caused_id
from memos.wire import event_pb2 as wire

_SPREADING = frozenset({Kind.ROLLED_BACK, Kind.ERASE_REQUESTED, Kind.ERASE_WITHDRAWN, Kind.ERASED})


def is_operation(event: wire.Event) -> bool:
    """Whether the event is the operation itself, not what follows from it on a cube."""
    return event.cube_id == event.operation_id or event.kind == Kind.CUT_NAMED


def cube_of_cause(event: wire.Event) -> bytes:
    """The cube of the event that one follows from."""
    into: bytes = event.merged.into_cube_id
    return into or event.operation_id


def consequences_of(event: wire.Event) -> tuple[wire.Event, ...]:
    """The events that follow on other cubes: their ids come from their cause."""
    kind = Kind(event.kind)
    if kind is Kind.GENERATED:
        return tuple(_absorb(event, absorbed) for absorbed in event.generated.absorbs)
    if kind in _SPREADING and is_operation(event):
        return tuple(_spread(event, kind))
    return ()


def _absorb(event: wire.Event, absorbed: wire.Target) -> wire.Event:
    """A source becomes Merged where it still is at the version that was read."""
    follower = _follow(event, Kind.MERGED, absorbed.cube_id, absorbed.scope)
    follower.merged.into_cube_id = event.cube_id
    if absorbed.HasField("expected_version"):
        follower.expected_version = absorbed.expected_version
    return follower


def _spread(event: wire.Event, kind: Kind) -> Iterator[wire.Event]:
    for target in getattr(event, kind.name.lower()).targets:
        follower = _follow(event, kind, target.cube_id, target.scope)
        if kind is Kind.ROLLED_BACK:
            follower.rolled_back.targets.append(target)
        elif kind is Kind.ERASE_REQUESTED:
            follower.erase_requested.ends_freezes = (
                event.erase_requested.ends_freezes or target.bound
            )
            if target.HasField("expected_version"):
                follower.expected_version = target.expected_version
        yield follower


def _follow(cause: wire.Event, kind: Kind, cube_id: bytes, scope: str) -> wire.Event:
    follower = wire.Event(
        event_id=caused_id(cause.event_id, cube_id, kind),
        schema_major=cause.schema_major,
        schema_minor=cause.schema_minor,
        kind=int(kind),  # type: ignore[arg-type]
        tenant=cause.tenant,
        scope=scope,
        actor=cause.actor,
        cube_id=cube_id,
        cause_id=cause.event_id,
        operation_id=cause.operation_id,
        client_time=cause.client_time,
        policy_digest=cause.policy_digest,
        service=cause.service,
    )
    getattr(follower, kind.name.lower()).SetInParent()
    return follower
