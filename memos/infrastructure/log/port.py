"""What any log must do. `tests/conformance/log.py` is the contract that every backend passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from memos.kernel.event import Record

Cut = Mapping[int, int]
"""One position per partition: for each partition, the number of records that lie before the cut."""


class EventLog(Protocol):
    """An append-only log of event bytes in one or more partitions."""

    def append(self, entries: Sequence[tuple[bytes, bytes]]) -> list[Record]:
        """Append (key, event bytes) pairs in order, all or none; durable once acknowledged.

        Entries with the same key go to the same partition.
        """
        ...

    def end(self) -> Cut:
        """The cut behind the last record of every partition."""
        ...

    def read(self, partition: int, start: int = 0, end: int | None = None) -> Iterator[Record]:
        """The records of a partition from offset `start` up to, not including, `end`."""
        ...
