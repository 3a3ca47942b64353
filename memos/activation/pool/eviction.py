"""Eviction policies: which of the segments that may go is missed least."""

from __future__ import annotations

from typing import Protocol


class EvictionPolicy(Protocol):
    """Gives segments their priority; the lowest goes first. Each tier has a policy of its own."""

    def priority(self, uses: int, milliseconds: float, size: int) -> float:
        """The priority of a segment that is stored or leased now; no lower than before.

        Args:
            uses: how often it was, this time included.
            milliseconds: what computing it takes.
            size: its bytes.
        """
        ...

    def evicted(self, priority: float) -> None:
        """Learn that a segment of this priority was evicted."""
        ...


LAG = 32
"""Over how many evictions the clock of `Gdsf` follows what was evicted."""


class Gdsf:
    """GreedyDual-Size with Frequency (Cherkasova 1998): milliseconds saved per byte kept, times uses, on
    a clock that follows the priority of what is evicted, so that what was used much and long ago goes.

    The clock of the paper jumps to that priority. Here it follows with a lag: of what comes new, what is
    not used again soon goes before what was used before. On requests by Zipf's law that saves more, on
    favourites that change a little less (benchmarks/kv_pool.py).
    """

    def __init__(self) -> None:
        self._clock = 0.0

    def priority(self, uses: int, milliseconds: float, size: int) -> float:
        return self._clock + uses * milliseconds / size

    def evicted(self, priority: float) -> None:
        self._clock += max(0.0, priority - self._clock) / LAG


class Lru:
    """Least recently used: a baseline."""

    def __init__(self) -> None:
        self._tick = 0

    def priority(self, uses: int, milliseconds: float, size: int) -> float:
        del uses, milliseconds, size
        self._tick += 1
        return self._tick

    def evicted(self, priority: float) -> None:
        del priority


class Lfu:
    """Least frequently used while stored: a baseline. Of equals, what became so first goes first."""

    def priority(self, uses: int, milliseconds: float, size: int) -> float:
        del milliseconds, size
        return uses

    def evicted(self, priority: float) -> None:
        del priority
