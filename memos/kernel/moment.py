"""Moments: one number a record, in one order over all partitions of a log.

An ordinal orders the records of every partition by log time, and those of one partition exactly as
they stand in it. The embedded log has one partition, and its ordinals are its offsets. Kafka's are
made of log time, a running number and the partition, so that a row that carries one can be placed
in time, and be compared with a cut, without a look at the log.
"""

from __future__ import annotations

from typing import NamedTuple

from memos.wire.event_pb2 import CutNamed

EPOCH = 1_704_067_200_000  # milliseconds; 2024-01-01: forty bits last until 2058
PARTITION_BITS = 8
_RUN_BITS = 14  # records of one partition and millisecond; more than that run into the next one
TIME_SHIFT = PARTITION_BITS + _RUN_BITS
MOST_PARTITIONS = 1 << PARTITION_BITS


class Cutoffs(tuple[int, ...]):
    """A cut: for each partition the ordinal of the last record before it, -1 where there is none."""

    __slots__ = ()


At = int | Cutoffs
"""What a read can be made at: an ordinal, of all partitions alike, or a cut."""

MAX_CUT_NAME_BYTES = 1024

NEWEST = 2**62
"""Greater than any ordinal."""

OPEN = 2**62
"""The end of what has not ended: of a span that is still visible, of a text that still holds."""


def next_ordinal(previous: int, partition: int, log_time: int) -> int:
    """The ordinal of the next record of a partition of a log of several.

    Args:
        previous: that of the record before it in the partition; -1 where it is the first.
        partition: where it stands.
        log_time: in microseconds since 1970; within a partition it never falls.
    """
    own = max(log_time // 1000 - EPOCH, 0) << TIME_SHIFT | partition
    return own if previous < 0 else max(own, previous + MOST_PARTITIONS)


def last_at(log_time: int) -> int:
    """The greatest ordinal of a record of this log time (microseconds), whatever its partition."""
    return ((max(log_time // 1000 - EPOCH, -1) + 1) << TIME_SHIFT) - 1


def time_of(ordinal: int) -> int:
    """The log time of the record with this ordinal, in microseconds, exact to the millisecond."""
    return ((ordinal >> TIME_SHIFT) + EPOCH) * 1000


def partition_of(ordinal: int) -> int:
    """The partition of the record with this ordinal."""
    return ordinal & (MOST_PARTITIONS - 1)


def reaches(at: At, ordinal: int) -> bool:
    """Whether a read at a moment sees the record with this ordinal."""
    if isinstance(at, int):
        return ordinal <= at
    partition = partition_of(ordinal)
    return partition < len(at) and ordinal <= at[partition]


def later(one: At, other: At) -> At:
    """The moment that two reach together: in each partition the later of both."""
    if isinstance(one, int):
        one, other = other, one
    if isinstance(one, int):
        assert isinstance(other, int)  # noqa: S101 - else it were the first
        return max(one, other)
    if isinstance(other, int):
        return Cutoffs(max(ordinal, other) for ordinal in one)
    shorter, longer = sorted((one, other), key=len)
    return Cutoffs((*map(max, shorter, longer), *longer[len(shorter) :]))


def plain(at: At) -> int:
    """A moment of a log with one partition, where ordinals are offsets."""
    return at if isinstance(at, int) else at[0]


def is_kept_cut(cut: CutNamed) -> bool:
    """Whether a named cut can be asked for: by a name that can be passed, at positions that a log can
    have.
    """
    return 0 < len(cut.name.encode()) <= MAX_CUT_NAME_BYTES and all(
        at.partition < MOST_PARTITIONS and at.offset < NEWEST for at in cut.positions
    )


class Moment(NamedTuple):
    """When to read: at what of the log (None: now), and the read time in microseconds."""

    at: At | None
    read_time: int
