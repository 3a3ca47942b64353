"""What is new in the log, for who reads on: where a reader is, and what comes behind."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple, Self

from memos.infrastructure.engine.location import embedded_directory
from memos.interface.memory import Memory
from memos.kernel.errors import InvalidInput
from memos.operation.reads.history import LogEntry
from memos.operation.reads.opaque_token import pack_token, unpack_token

OVERLAP = timedelta(seconds=10)
"""By how much the clocks of a log's servers and of a reader may differ."""

_REACHES = tuple(OVERLAP * 8**n for n in range(9))
"""How far back the last records are looked for, one after the other: at most eight times as far as they lie."""

_VERSION = 1
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_PARTITION = re.compile(r"\d{1,4}")
_POSITION = re.compile(r"\d{1,4}:\d{1,18}")


class Place(NamedTuple):
    """Where a reader of the log is: everything up to it was told.

    Attributes:
        since: from where on to look, a position or a time.
        offsets: the last record of each partition that was told.
    """

    since: str
    offsets: Mapping[str, int]

    @classmethod
    def now(cls) -> Self:
        """Behind everything that is there."""
        return cls(datetime.now(UTC).isoformat(), {})

    def __str__(self) -> str:
        return pack_token(_VERSION, self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The place that an earlier reading had come to.

        Raises:
            InvalidInput: it is none.
        """
        try:
            since, offsets = unpack_token(text, _VERSION)
            _time_of(since)
            if all(map(_is_offset, offsets.items())):
                return cls(since, offsets)
        except (ValueError, TypeError, AttributeError):
            pass
        raise InvalidInput(
            "this is no id of a change: send the last one that was received, as it is"
        )

    def has(self, entry: LogEntry) -> bool:
        """Whether a record was told."""
        position = entry.position
        return position.offset <= self.offsets.get(str(position.partition), -1)


def _time_of(since: str) -> datetime:
    """The time from where on to look; the earliest one for a position.

    Raises:
        ValueError: it is neither.
    """
    if _POSITION.fullmatch(since):
        return _EARLIEST
    time = datetime.fromisoformat(since)
    if time.tzinfo is None:
        raise ValueError("a time has a zone")
    return time


def _is_offset(item: tuple[object, object]) -> bool:
    partition, offset = item
    is_partition = isinstance(partition, str) and _PARTITION.fullmatch(partition)
    return bool(is_partition) and type(offset) is int and 0 <= offset < 2**62


class Following:
    """Reads on from a place. `place` is behind what was told."""

    def __init__(self, memory: Memory, records: Mapping[str, Any], place: Place) -> None:
        """Read the records that `Memory.events` gives for these arguments, from a place on."""
        self._memory = memory
        self._has_order = embedded_directory(memory.path) is not None
        self._records = records
        self._newest = _time_of(place.since)
        self._whole = _EARLIEST
        self.place = place

    @classmethod
    def behind_last(
        cls, memory: Memory, records: Mapping[str, Any], count: int
    ) -> tuple[list[LogEntry], Self]:
        """The last records, at most so many, and what reads on behind them."""
        whole = memory._folded_until()
        for since in (*(whole - reach for reach in _REACHES), None):
            offsets: dict[str, int] = {}
            last: deque[LogEntry] = deque(maxlen=count)
            for entry in memory.events(**records, since=since):
                offsets[str(entry.position.partition)] = entry.position.offset
                last.append(entry)
            if len(last) == count:
                break
        return list(last), cls(memory, records, Place((whole - OVERLAP).isoformat(), offsets))

    def read(self, most: int) -> list[LogEntry]:
        """What was not told, at most so many."""
        self._whole = self._memory._folded_until()
        entries = self._memory.events(**self._records, since=self.place.since)
        found = list(islice((each for each in entries if not self.place.has(each)), most))
        if not found and self._whole - OVERLAP > self._newest:
            # What is not for this reader is not looked at again, however much of it comes.
            self._newest = self._whole - OVERLAP
            self.place = self.place._replace(since=self._newest.isoformat())
        return found

    def tell(self, entry: LogEntry) -> None:
        """Go behind a record.

        An embedded log has an order: what is behind the last record is new. Of several partitions, what
        one has told may be behind what another one, whose worker is late, has yet to tell.
        """
        self._newest = max(self._newest, entry.log_time)
        position = entry.position
        offsets = {**self.place.offsets, str(position.partition): position.offset}
        since = str(position)
        if not self._has_order:
            reached = min(self._newest, self._whole) - OVERLAP
            since = max(_time_of(self.place.since), reached).isoformat()
        self.place = Place(since, offsets)
