"""How many requests a key has: a token bucket each, and the headers that tell of it.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Self

MOST_BUCKETS = 10_000
"""The bucket of who did not call for longest is let go of: it has long been full."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket's.

    Attributes:
        refill: how many requests come back in a second.
        burst: how many may come at once.
    """

    refill: float = 1000.0
    burst: int = 2000

    @classmethod
    def per_second(cls, requests: float) -> Self:
        """So many requests a second, those of two seconds at once."""
        return cls(requests, max(math.ceil(2 * requests), 1))

    @property
    def policy(self) -> str:
        """The value of RateLimit-Policy: the burst, and in how many seconds it comes back."""
        return f'"key";q={self.burst};w={math.ceil(self.burst / self.refill)}'


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one request.

    Attributes:
        remaining: how many requests are left at once.
        wait: in how many seconds there is one; 0 where this one was.
        full: in how many seconds the bucket is full again.
    """

    remaining: int
    wait: float
    full: float

    @property
    def header(self) -> str:
        """The value of RateLimit."""
        return f'"key";r={self.remaining};t={math.ceil(self.full)}'


class TokenBuckets:
    """A bucket for each caller; for the event loop's thread alone."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def take(self, caller: bytes) -> Taken:
        """Take one request of a caller, if there is one."""
        now, rate = self._clock(), self._rate
        level, at = self._buckets.pop(caller, (float(rate.burst), now))
        level = min(level + (now - at) * rate.refill, float(rate.burst))
        wait = 0.0 if level >= 1.0 else (1.0 - level) / rate.refill
        if not wait:
            level -= 1.0
        self._buckets[caller] = (level, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return Taken(int(level), wait, (rate.burst - level) / rate.refill)
