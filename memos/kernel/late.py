"""Memories that were made of what an erase had destroyed meanwhile: they are erased, too.

An erase reaches what can be read when it looks for what it reaches, and says up to where that is. A
derivation behind that is not among its cubes; it is erased by an operation of its own.
"""

from __future__ import annotations

from hashlib import sha256

from memos.kernel.event import Kind, Position, as_uuid, caused_id
from memos.kernel.lineage import CARRIES_TAINT, named_edges
from memos.wire import event_pb2 as wire

_MAKING = frozenset({Kind.GENERATED, Kind.CACHED, Kind.DISTILLED})


def made_of(event: wire.Event) -> list[bytes]:
    """The cubes that the content of a new cube was taken from; none where it makes no cube."""
    if event.kind not in _MAKING:
        return []
    return list(
        dict.fromkeys(
            edge.other.cube_id for edge in named_edges(event) if edge.relation in CARRIES_TAINT
        )
    )


def comes_behind(request: wire.Event, position: Position) -> bool:
    """Whether a record stands behind what an erase had read when it looked for what it reaches.

    False where its request does not say: an erase of before schema 1.2. One that came from another log
    tells of positions there, and nothing here is behind it.
    """
    read = {at.partition: at.offset for at in request.erase_requested.positions}
    return bool(read) and position.offset >= read.get(position.partition, 0)


def late_erase_id(cube_id: bytes, operation_id: bytes) -> bytes:
    """The operation that erases a cube for an erase that came before it: asked for twice, it is one."""
    return as_uuid(sha256(b"memos/late-erase/v1\n" + cube_id + operation_id).digest())


def late_erase(event: wire.Event, erased: wire.Event) -> wire.Event:
    """The request to erase what an event made of cubes that another request had erased.

    It follows from these two alone, so whoever finds it asks for the same. What was made of this cube
    in turn stands behind the same positions.
    """
    named = late_erase_id(event.cube_id, erased.operation_id)
    request = wire.Event(
        event_id=caused_id(event.event_id, named, Kind.ERASE_REQUESTED),
        schema_major=event.schema_major,
        schema_minor=event.schema_minor,
        kind=int(Kind.ERASE_REQUESTED),  # type: ignore[arg-type]
        tenant=event.tenant,
        scope=event.tenant,
        actor=event.actor,
        cube_id=named,
        operation_id=named,
        client_time=event.client_time,
        policy_digest=event.policy_digest,
        service=event.service,
    )
    request.erase_requested.targets.add(cube_id=event.cube_id, scope=event.scope, bound=True)
    request.erase_requested.positions.extend(erased.erase_requested.positions)
    return request
