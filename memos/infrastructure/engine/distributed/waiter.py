"""Read your own write: wait until the workers are past what was appended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from memos.infrastructure.engine.distributed.checkpoint_watch import CheckpointWatch, Ends
from memos.infrastructure.index.cassandra.rows import PROJECTION as INDEX
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
        watch: of the projections' checkpoints.
        seconds: how long, from the beginning of a wait.
    """

    def __init__(self, watch: CheckpointWatch, seconds: float) -> None:
        self._watch = watch
        self._seconds = seconds

    def until_applied(self, ends: Ends) -> None:
        """Until what lies before a cut is folded, and found by its words.

        Raises:
            NotApplied: a worker is not there in time; the message says which, and how far it is.
        """
        self._until_passed(dict.fromkeys(PROJECTIONS, ends), {})

    def until_passed(self, projection: str, ends: Ends, *, kept_by: str = "") -> None:
        """Until one projection is past a cut; `kept_by` is its worker, if not called as it is."""
        self._until_passed({projection: ends}, {projection: kept_by or projection})

    def _until_passed(self, ends: Mapping[str, Ends], keepers: Mapping[str, str]) -> None:
        looks = self._watch.until_passed(ends, self._seconds)
        if not looks:
            return
        first, last = looks[0], looks[-1]
        for projection, wanted in ends.items():
            at = {p: last.get(projection, {}).get(p, 0) for p in wanted}
            behind = {p: at[p] for p, end in wanted.items() if at[p] < end}
            if behind:
                partition = min(behind)
                before = first.get(projection, {})
                moved = any(behind[p] > before.get(p, 0) for p in behind)
                worker = keepers.get(projection, projection)
                why = (
                    "it is behind and catching up"
                    if moved
                    else f"it has not moved: is `memos worker {worker}` running?"
                )
                raise NotApplied(
                    f"what was appended is durable, but the {worker} worker is at "
                    f"{partition}:{behind[partition]}, before {partition}:{wanted[partition]}, "
                    f"after {self._seconds:g} s; {why}"
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
