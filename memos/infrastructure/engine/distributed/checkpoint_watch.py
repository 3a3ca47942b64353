"""How far the projections are: of all threads of a process that wait, one looks for the others."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from threading import Condition

from memos.infrastructure.vault.cassandra.vault import CassandraVault

FIRST_PAUSE = 0.01
SHORTEST_PAUSE = 0.005
LONGEST_PAUSE = 0.05

Ends = Mapping[int, int]
"""Of each partition the offset that a projection is to pass."""
Checkpoints = Mapping[str, Mapping[int, int]]
"""Of each projection, up to which offset it is in each partition."""


class CheckpointWatch:
    """Waits for projections. Safe for threads.

    Args:
        vault: where the projections' checkpoints are; asked for anew at each look.
    """

    def __init__(self, vault: Callable[[], CassandraVault]) -> None:
        self._vault = vault
        self._changed = Condition()
        self._wanted: Counter[str] = Counter()
        self._generation = -1
        self._at: Checkpoints = {}
        self._looks = 0
        self._is_looking = False
        self._pause = FIRST_PAUSE

    def until_passed(self, ends: Mapping[str, Ends], seconds: float) -> tuple[Checkpoints, ...]:
        """Wait until each projection is past its ends.

        Returns:
            Nothing where they all are; else, once the time is over, how far they were at the first
            look and at the last.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        deadline = time.monotonic() + seconds
        live = self._vault().number  # what was seen of a generation that was replaced says nothing
        with self._changed:
            if live == self._generation and _passed(self._at, ends):
                return ()
            self._wanted.update(list(ends))
            self._pause = min(self._pause, FIRST_PAUSE)
            begun = self._looks
        try:
            return self._until_passed(ends, begun, deadline)
        finally:
            with self._changed:
                self._wanted.subtract(list(ends))

    def _until_passed(
        self, ends: Mapping[str, Ends], begun: int, deadline: float
    ) -> tuple[Checkpoints, ...]:
        first: Checkpoints | None = None
        while True:
            with self._changed:
                if self._looks > begun and ends.keys() <= self._at.keys():
                    if _passed(self._at, ends):
                        return ()
                    first = first or self._at
                    if time.monotonic() >= deadline:
                        return first, self._at
                if self._is_looking:
                    left = deadline - time.monotonic()
                    self._changed.wait(left if left > 0 else None)  # the look under way ends it
                    continue
                self._is_looking = True
            self._look(deadline)

    def _look(self, deadline: float) -> None:
        """Look for all who wait, and wake them, also where the store does not answer."""
        seen: tuple[int, Checkpoints] | None = None
        try:
            time.sleep(max(min(self._pause, deadline - time.monotonic()), 0))
            with self._changed:
                wanted = sorted(+self._wanted)
            vault = self._vault()
            seen = vault.number, vault.offsets(wanted)
        finally:
            with self._changed:
                self._is_looking = False
                if seen is not None:
                    self._note(*seen)
                self._changed.notify_all()

    def _note(self, generation: int, at: Checkpoints) -> None:
        """Keep what was seen: where something moved, more will soon."""
        moved = generation != self._generation or any(self._at.get(p) != at[p] for p in at)
        self._pause = SHORTEST_PAUSE if moved else min(self._pause * 1.3, LONGEST_PAUSE)
        known = self._at if generation == self._generation else {}
        self._at, self._generation = {**known, **at}, generation
        self._looks += 1


def _passed(at: Checkpoints, ends: Mapping[str, Ends]) -> bool:
    return all(
        at.get(projection, {}).get(partition, 0) >= end
        for projection, wanted in ends.items()
        for partition, end in wanted.items()
    )
