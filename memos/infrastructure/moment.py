"""Moments: one number a record, in one order over all partitions of a log.

An ordinal orders the records of every partition by log time, and those of one partition exactly as
they stand in it. The embedded log has one partition, and its ordinals are its offsets. Kafka's are
made of log time, offset and partition, so that a row that carries one can be placed in time, and be
compared with a cut, without a look at the log.
"""

from __future__ import annotations

from typing import NamedTuple

from memos.kernel.event import Position

EPOCH = 1_704_067_200_000  # milliseconds; 2024-01-01: forty bits last until 2058
PARTITION_BITS = 8
_OFFSET_BITS = 14  # a partition takes fewer than 16,384 records in one millisecond
_BITS = PARTITION_BITS + _OFFSET_BITS
_PARTITIONS = 1 << PARTITION_BITS

MOST_PARTITIONS = _PARTITIONS


class Cutoffs(tuple[int, ...]):
    """A cut: for each partition the ordinal of the last record before it, -1 where there is none."""

    __slots__ = ()


At = int | Cutoffs
"""What a read can be made at: an ordinal, of all partitions alike, or a cut."""

NEWEST = 2**62
"""Greater than any ordinal."""


def ordinal_of(position: Position, log_time: int) -> int:
    """The ordinal of a record of a log of several partitions.

    Args:
        position: where it stands.
        log_time: in microseconds since 1970; within a partition it never falls.
    """
    offset = position.offset & ((1 << _OFFSET_BITS) - 1)
    time = max(log_time // 1000 - EPOCH, 0)
    return time << _BITS | offset << PARTITION_BITS | position.partition


def last_at(log_time: int) -> int:
    """The greatest ordinal that a record of this log time can have, whatever its partition."""
    return ((max(log_time // 1000 - EPOCH, -1) + 1) << _BITS) - 1


def partition_of(ordinal: int) -> int:
    """The partition of the record with this ordinal."""
    return ordinal & (_PARTITIONS - 1)


def reaches(at: At, ordinal: int) -> bool:
    """Whether a read at a moment sees the record with this ordinal."""
    if isinstance(at, int):
        return ordinal <= at
    partition = partition_of(ordinal)
    return partition < len(at) and ordinal <= at[partition]


def plain(at: At) -> int:
    """A moment of a log with one partition, where ordinals are offsets."""
    return at if isinstance(at, int) else at[0]


class Moment(NamedTuple):
    """When to read: at what of the log (None: now), and the read time in microseconds."""

    at: At | None
    read_time: int
