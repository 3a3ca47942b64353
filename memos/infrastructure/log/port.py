"""What any log must do. `tests/conformance/test_log.py` is the contract of every backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from memos.kernel.event import Record

Cut = Mapping[int, int]
"""One position per partition: for each partition, the number of records that lie before the cut."""


class EventLog(Protocol):
    """An append-only log of event bytes in one or more partitions."""

    def append(self, entries: Sequence[tuple[bytes, bytes]]) -> list[Record]:
        """Append (key, event bytes) pairs; their records in the order given.

        They are durable once the call returns; those of a log that lies in the vault's own file
        are appended inside the caller's transaction, and are durable once that has committed.

        Entries with the same key go to the same partition, in order and with none of another append
        through the same log between them. Entries that do not fit leave nothing. A log of several
        partitions cannot promise all or none where a server fails meanwhile: it raises
        Unacknowledged.
        """
        ...

    def end(self) -> Cut:
        """The cut behind the last record of every partition."""
        ...

    def read(self, partition: int, start: int = 0, end: int | None = None) -> Iterator[Record]:
        """The records of a partition from offset `start` up to, not including, `end`.

        Their log times never fall.

        Raises:
            InvalidInput: there is no such partition.
        """
        ...
