"""Read your own write: wait until the workers are past what was appended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from memos.infrastructure.index.cassandra.rows import PROJECTION as INDEX
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.errors import NotApplied
from memos.kernel.event import Position

T = TypeVar("T")

PROJECTIONS = (FOLD, INDEX)
FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.05


def ends_of(positions: Iterable[Position]) -> dict[int, int]:
    """The cut just behind all of these positions."""
    ends: dict[int, int] = {}
    for partition, offset in positions:
        ends[partition] = max(ends.get(partition, 0), offset + 1)
    return ends


class Waiter:
    """Waits for projections to pass a cut, and says which one does not.

    Args:
        vault: where the projections' checkpoints are; asked for anew at each look.
        seconds: how long, from the beginning of a wait.
    """

    def __init__(self, vault: Callable[[], CassandraVault], seconds: float) -> None:
        self._vault = vault
        self._seconds = seconds

    def until_applied(self, ends: Mapping[int, int]) -> None:
        """Until what lies before a cut is folded, and found by its words.

        Raises:
            NotApplied: a worker is not there in time; the message says which, and how far it is.
        """
        for projection in PROJECTIONS:
            self.until_passed(projection, ends)

    def until_passed(self, projection: str, ends: Mapping[int, int], *, kept_by: str = "") -> None:
        """Until one projection is past a cut; `kept_by` is its worker, if not called as it is."""
        first: dict[int, int] = {}

        def passed() -> bool | None:
            checkpoints = self._vault().checkpoints(projection)
            at = {p: checkpoints[p][0] if p in checkpoints else 0 for p in ends}
            if not first:
                first.update(at)
            behind = {p: at[p] for p, end in ends.items() if at[p] < end}
            last.clear()
            last.update(behind)
            return None if behind else True

        last: dict[int, int] = {}
        if self.until(passed) is None:
            partition = min(last)
            moved = any(last[p] > first[p] for p in last)
            worker = kept_by or projection
            why = (
                "it is behind and catching up"
                if moved
                else f"it has not moved: is `memos worker {worker}` running?"
            )
            raise NotApplied(
                f"what was appended is durable, but the {worker} worker is at "
                f"{partition}:{last[partition]}, before {partition}:{ends[partition]}, after "
                f"{self._seconds:g} s; {why}"
            )

    def until(self, look: Callable[[], T | None]) -> T | None:
        """What `look` gives once it is something; None where the time is over before."""
        deadline = time.monotonic() + self._seconds
        pause = FIRST_PAUSE
        while True:
            answer = look()
            if answer is not None:
                return answer
            if time.monotonic() >= deadline:
                return None
            time.sleep(pause)
            pause = min(pause * 1.3, LONGEST_PAUSE)
