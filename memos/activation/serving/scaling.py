"""How many pools there are to be, by what they have to do."""

from __future__ import annotations

BUSY = 4.0
"""Requests in flight for each pool, above which there is one more: as many as one answers side by side."""

IDLE = 1.0
"""Requests in flight for each pool that would be left, below which there is one less."""

BUSY_SECONDS, IDLE_SECONDS = 5.0, 60.0
"""How long it has to be so. A pool is added sooner than it is taken away: what it computed goes with it."""


class Scaling:
    """One step at a time, between a least and a most.

    Args:
        least, most: how many pools there may be; `least` is at least 1.
    """

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self.most = most
        self._busy = _Lasting(BUSY_SECONDS)
        self._idle = _Lasting(IDLE_SECONDS)

    def wanted(self, pools: int, in_flight: int, now: float) -> int:
        """How many there are to be.

        Args:
            pools: how many there are.
            in_flight: requests, over all of them.
            now: seconds of a clock that never goes back.
        """
        if pools < self.least or pools > self.most:
            return min(max(pools, self.least), self.most)
        is_busy = in_flight > BUSY * pools and pools < self.most
        is_idle = pools > self.least and in_flight < IDLE * (pools - 1)
        if self._busy.lasts(is_busy, now):
            return pools + 1
        if self._idle.lasts(is_idle, now):
            return pools - 1
        return pools


class _Lasting:
    """Whether something has been so for some seconds; once it was told, it begins anew."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def lasts(self, is_so: bool, now: float) -> bool:
        if not is_so:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        if now - self._since < self._seconds:
            return False
        self._since = None
        return True
