"""When a worker's lanes begin their batches: many small ones cost more than a short wait."""

from __future__ import annotations

GATHER_SECONDS = 0.05
MANY = 8

TOGETHER_SECONDS = 0.005
"""Batches begun within this time count as one: lanes that wait end their waits together."""


class Gathering:
    """Spreads the begins of batches, for all lanes of one worker.

    A lone record is taken at once, and so is the next one; the more came together last, the longer the
    lanes gather.

    Args:
        seconds: how long at most.
        many: records begun together, from which on that is the time; 1 for a worker that nobody waits for.
    """

    def __init__(self, seconds: float = GATHER_SECONDS, many: int = MANY) -> None:
        self._seconds, self._many = seconds, many
        self._begun, self._records = 0.0, 0

    def pause(self, now: float) -> float:
        """How many seconds to wait before a batch may begin; nothing, or less, where it may now."""
        is_full = self._records >= self._many
        load = 1.0 if is_full else max(self._records - 1, 0) / self._many
        return self._begun + load * self._seconds - now

    def begin(self, now: float, records: int) -> None:
        """A batch of so many records begins."""
        if now - self._begun > TOGETHER_SECONDS:
            self._begun, self._records = now, 0
        self._records += records
