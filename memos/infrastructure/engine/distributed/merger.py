"""One order of a log's partitions: by log time, each cube's records as they stand, no event before
the one that caused it. The same records give the same order every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from memos.infrastructure.engine.migration import Moved
from memos.infrastructure.log.port import Cut
from memos.kernel.consequences import consequences_of
from memos.kernel.event import Kind, caused_id
from memos.wire.event_pb2 import Event


class Merger:
    """Merges partitions, each given as its records in order.

    Args:
        partitions: their records, from the beginning or from a cut on.
        is_caused_before: whether the cause of an event lies before that cut.
    """

    def __init__(
        self,
        partitions: Mapping[int, Iterator[Moved]],
        is_caused_before: Callable[[Event], bool] = lambda _: False,
    ) -> None:
        self._partitions = partitions
        self._is_caused_before = is_caused_before
        self._coming: set[bytes] = set()
        """Causes that were looked for, and do not lie before the cut."""
        self._heads: dict[int, Moved | None] = {}
        self._causes: set[bytes] = set()

    def until(self, end: Cut) -> Iterator[Moved]:
        """The records before a cut that were not given yet."""
        while True:
            heads = [
                head
                for partition in self._partitions
                if (head := self._head(partition)) is not None
                and head.position.offset < end.get(partition, 0)
            ]
            if not heads:
                return
            # A cause that lies behind the cut, or is in no log, holds nothing up.
            free = [head for head in heads if not self._waits(head)] or heads
            chosen = min(free, key=lambda head: (head.log_time, head.position.partition))
            self._heads[chosen.position.partition] = next(
                self._partitions[chosen.position.partition], None
            )
            if chosen.event is not None and consequences_of(chosen.event):
                self._causes.add(chosen.event.event_id)
            yield chosen

    def _head(self, partition: int) -> Moved | None:
        if partition not in self._heads:
            self._heads[partition] = next(self._partitions[partition], None)
        return self._heads[partition]

    def _waits(self, head: Moved) -> bool:
        event = head.event
        if event is None or not event.cause_id or event.cause_id in self._causes:
            return False
        if event.event_id != caused_id(event.cause_id, event.cube_id, Kind(event.kind)):
            return False
        if event.cause_id not in self._coming and self._is_caused_before(event):
            self._causes.add(event.cause_id)
            return False
        self._coming.add(event.cause_id)
        return True
