"""The segments that may be evicted, the least missed first."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from memos.activation.pool.stored_segment import StoredSegment

SLACK = 64
"""How many entries of segments that are gone a heap keeps, beside as many as are there."""


class EvictionQueue:
    """A heap in which every segment stands at most once, under a priority that it has or had.

    Priorities only grow and segments become held again: both is seen when an entry comes to the top.

    Args:
        is_evictable: whether a segment may be evicted at this moment.
    """

    def __init__(self, is_evictable: Callable[[StoredSegment], bool]) -> None:
        self._is_evictable = is_evictable
        self._heap: list[tuple[float, int, StoredSegment]] = []
        self._entered: set[StoredSegment] = set()
        self._order = 0

    def add(self, stored: StoredSegment) -> None:
        """Let a segment be found that may be evicted now."""
        if stored not in self._entered:
            self._entered.add(stored)
            self._push(stored)

    def remove(self, stored: StoredSegment) -> None:
        """Forget a segment."""
        self._entered.discard(stored)
        if len(self._heap) > 2 * len(self._entered) + SLACK:
            self._heap = [entry for entry in self._heap if entry[2] in self._entered]
            heapq.heapify(self._heap)

    def take(self) -> StoredSegment | None:
        """Take out the segment that is missed least; None where none may be evicted."""
        while self._heap:
            priority, _, stored = heapq.heappop(self._heap)
            if stored not in self._entered:
                continue
            if self._is_evictable(stored) and priority != stored.priority:
                self._push(stored)
                continue
            self._entered.remove(stored)
            if self._is_evictable(stored):
                return stored
        return None

    def _push(self, stored: StoredSegment) -> None:
        self._order += 1
        heapq.heappush(self._heap, (stored.priority, self._order, stored))
