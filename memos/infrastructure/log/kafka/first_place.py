"""Where a record in Kafka first stood, in its headers."""

from __future__ import annotations

from memos.infrastructure.log.ancestry import FirstPlace
from memos.infrastructure.log.kafka.client import KEPT_TIME
from memos.infrastructure.log.kafka.log import KafkaLog
from memos.infrastructure.log.kafka.writer import Headers
from memos.kernel.errors import Damaged
from memos.kernel.event import Position

ORIGIN = "memos-origin"
POSITION = "memos-first-position"
LOG_TIME = "memos-first-log-time"


def headers_of(first: FirstPlace, log_time: int) -> Headers:
    """The headers that say it: the origin of the log, the position in it, and the log time there
    in microseconds. The origin of a partition of several ends with its number.

    `log_time` is that in the log which is moved. It stays the record's log time: a read at a moment
    shows the same, and "yesterday" in a memory is the same day.
    """
    position = Position(_partition(first.origin), first.offset)
    return (
        (ORIGIN, first.origin.encode()),
        (POSITION, str(position).encode()),
        (LOG_TIME, str(first.log_time).encode()),
        (KEPT_TIME, str(log_time).encode()),
    )


def first_in(headers: Headers) -> FirstPlace | None:
    """What `headers_of` gave; None where the record was written here.

    Raises:
        Damaged: the headers do not say where.
    """
    fields = dict(headers)
    if ORIGIN not in fields:
        return None
    try:
        return FirstPlace(
            fields[ORIGIN].decode(),
            Position.parse(fields[POSITION].decode()).offset,
            int(fields[LOG_TIME]),
        )
    except (KeyError, ValueError) as error:
        raise Damaged(f"a record's headers do not say where it first stood: {error}") from None


def origin_of(log: KafkaLog, position: Position) -> str:
    """The origin of the log that a record was moved from; empty where it was written in this one."""
    partition, offset = position
    for _, headers in log.read_with_headers(partition, offset, offset + 1):
        first = first_in(headers)
        return "" if first is None else first.origin
    return ""


def _partition(origin: str) -> int:
    """`memos/<vault>` is a log of one partition; `memos/<vault>/<n>` is one of several."""
    parts = origin.split("/")
    return int(parts[-1]) if parts[2:] else 0
