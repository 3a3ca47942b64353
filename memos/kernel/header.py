"""Between the header of the wire and the header of the fold."""

from __future__ import annotations

from functools import lru_cache

from memos.kernel.cube import Header, Lifespan, LifespanEnd
from memos.wire import event_pb2 as wire

_ENDS: dict[int, LifespanEnd] = {int(end): end for end in LifespanEnd}
HEADER_FIELDS = frozenset(Header._fields)


def read_header(message: wire.Header) -> Header:
    """The header facts of an event."""
    return _parse(message.SerializeToString())


@lru_cache(maxsize=4096)
def _parse(data: bytes) -> Header:
    """Headers repeat from cube to cube, and reading one field by field costs as much as a fold."""
    message = wire.Header.FromString(data)
    lifespan = None
    if message.HasField("lifespan"):
        span = message.lifespan
        lifespan = Lifespan(
            span.after,
            span.since,
            span.renewed_by_access,
            span.half_life,
            _ENDS.get(span.then, LifespanEnd.ARCHIVE),
        )
    return Header(
        message.owner,
        tuple(message.readers),
        tuple(message.writers),
        lifespan,
        message.priority,
        message.sensitivity,
        message.purpose,
    )


def write_header(header: Header, message: wire.Header) -> None:
    """Set an event's header facts."""
    message.CopyFrom(_message(header))


@lru_cache(maxsize=4096)
def _message(header: Header) -> wire.Header:
    message = wire.Header()
    message.owner = header.owner
    message.readers.extend(header.readers)
    message.writers.extend(header.writers)
    message.priority = header.priority
    message.sensitivity = header.sensitivity
    message.purpose = header.purpose
    if header.lifespan is not None:
        message.lifespan.after = header.lifespan.after
        message.lifespan.since = header.lifespan.since
        message.lifespan.renewed_by_access = header.lifespan.renewed_by_access
        message.lifespan.half_life = header.lifespan.half_life
        message.lifespan.then = int(header.lifespan.then)  # type: ignore[assignment]
    return message
