"""What a worker is to the stream that drives it. `streams/` has the drivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from memos.kernel.errors import VaultError
from memos.kernel.event import Record
from memos.kernel.moment import next_ordinal


class Mark(NamedTuple):
    """Up to where a projection is in one partition: the next offset to take, the ordinal of the
    last record taken (-1: none), and the greatest log time so far, in microseconds.
    """

    offset: int = 0
    ordinal: int = -1
    log_time: int = 0

    def then(self, record: Record) -> Mark:
        """The mark behind the next record of the partition. Log times never fall."""
        log_time = max(self.log_time, record.log_time)
        ordinal = next_ordinal(self.ordinal, record.position.partition, log_time)
        return Mark(record.position.offset + 1, ordinal, log_time)


class ProjectionStatus(NamedTuple):
    """What a worker knows of its projection, beside how far it is behind the log; None: not its
    concern.

    `set_aside` counts the records that it cannot take while it takes others, `embedding` those that
    wait to be embedded, `erases` the operations under way. `problem` says why it does not do what
    it should, and is empty where it does.
    """

    set_aside: int | None = None
    embedding: int | None = None
    erases: int | None = None
    problem: str = ""


class Behind(VaultError):
    """The fold has not yet come past these records: take them again."""


class Worker(Protocol):
    """Keeps one projection, of the partitions that it is given."""

    @property
    def name(self) -> str:
        """The projection, and the end of its consumer group's name."""
        ...

    @property
    def topic(self) -> str:
        """The topic that it follows."""
        ...

    def assigned(self, partition: int) -> int:
        """Begin with a partition, and forget what was known of it: the offset to go on from."""
        ...

    def take(self, records: Sequence[Record]) -> None:
        """Take records of one partition, in order; all that follows from them is durable then.

        Doing it again with the same records changes nothing. Records before the partition's mark
        are passed over.

        Raises:
            TooNew: a record is of a newer release; what is before it was taken. The worker stops.
            VaultError: a server did not answer; take them again.
        """
        ...
