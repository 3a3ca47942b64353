"""How long loading from a tier takes, learnt from the loads that were done."""

from __future__ import annotations

WEIGHT = 0.2
"""The share of a load that was just measured in the averages."""
FADE = 0.02
"""The share by which a load that was expected to take too long, and not done, draws them to the first
guess: without, one slow load would mean that none is tried again."""
LEAST_SPREAD = 0.05
"""From which relative spread of sizes on a fixed cost for each load can be told from one for each byte."""


class LoadTimes:
    """Milliseconds of a load as a line over its bytes, by exponentially weighted least squares.

    Args:
        bytes_per_second: the first guess.
    """

    def __init__(self, bytes_per_second: float) -> None:
        self._first = 1e3 / bytes_per_second
        self._seen = False
        self._size = self._took = self._size_size = self._size_took = 0.0

    def expected(self, size: int) -> float:
        """The milliseconds that loading so many bytes is expected to take."""
        if not self._seen:
            return size * self._first
        variance = self._size_size - self._size**2
        if variance > (LEAST_SPREAD * self._size) ** 2:
            slope = (self._size_took - self._size * self._took) / variance
            fixed = self._took - slope * self._size
            if slope > 0 and fixed > 0:
                return fixed + slope * size
        return size * self._took / self._size

    def loaded(self, size: int, milliseconds: float) -> None:
        """Learn how long a load took."""
        self._average(size, milliseconds, WEIGHT if self._seen else 1.0)
        self._seen = True

    def declined(self, size: int) -> None:
        """Learn that a load was not done because it would take too long."""
        if self._seen:
            self._average(size, size * self._first, FADE)

    def _average(self, size: int, milliseconds: float, weight: float) -> None:
        self._size += weight * (size - self._size)
        self._took += weight * (milliseconds - self._took)
        self._size_size += weight * (size**2 - self._size_size)
        self._size_took += weight * (size * milliseconds - self._size_took)
