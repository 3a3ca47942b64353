"""Which pool takes a request: the one that has computed its prefix, unless that one has too much to do."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import NamedTuple

BALANCE = 1.5
"""How many times the mean of requests in flight a pool may have before others take its requests."""

LEAST_LOAD = 4
"""Requests in flight that no pool hands on: as many as one answers side by side."""

ABANDONED_SECONDS = 600.0
"""A request that nobody ended for so long was asked by a process that is gone."""


@dataclass(slots=True)
class _Member:
    is_alive: bool
    lost_at: int = 0


class _Request(NamedTuple):
    pool: str
    begun: float


class RouterFigures(NamedTuple):
    """What a router has done since its start.

    Attributes:
        in_flight: requests that were given to each pool and have not ended.
        diverted: requests that another pool than their prefix's took.
        unrouted: requests for which there was no pool.
    """

    in_flight: dict[str, int]
    diverted: int
    unrouted: int


class Router:
    """Rendezvous hashing (Thaler and Ravishankar 1998) with bounded loads (Mirrokni et al. 2018). Safe for
    threads.

    A prefix goes to the pool whose hash with it is highest, so a pool that joins or goes moves only the
    prefixes that are its own. One that has more than `BALANCE` times the mean in flight leaves a request
    to the next in that order.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._members: dict[str, _Member] = {}
        self._requests: dict[str, _Request] = {}
        self._losses = 0
        self._diverted = 0
        self._unrouted = 0
        self._lock = Lock()

    @property
    def losses(self) -> int:
        """How many losses were told of; whoever observes takes it along, from before the look."""
        return self._losses

    @property
    def pools(self) -> tuple[str, ...]:
        """All members, alive or not."""
        with self._lock:
            return tuple(self._members)

    def observe(self, alive: Mapping[str, bool], losses: int) -> None:
        """Learn which members there are, and which of them answered when they were looked at.

        Args:
            alive: whether each is; who is not in it is no member any more.
            losses: `losses` before the look. Who was lost since then stays lost.
        """
        with self._lock:
            before = self._members
            self._members = {}
            for name, is_alive in alive.items():
                lost_at = before[name].lost_at if name in before else 0
                self._members[name] = _Member(is_alive and lost_at <= losses, lost_at)

    def lost(self, name: str) -> None:
        """A member did not answer: give it nothing until it was seen to be back."""
        with self._lock:
            self._losses += 1
            member = self._members.get(name)
            if member is not None:
                member.is_alive, member.lost_at = False, self._losses

    def begin(self, request_id: str, root: bytes, avoided: Collection[str] = ()) -> str | None:
        """The pool that takes a request; None where there is none. Asked again with the same id it chooses
        anew.

        Args:
            request_id: counts as in flight until its `end`.
            root: of the prefix tree that the request reads.
            avoided: pools that have just failed; they are taken where there is no other.
        """
        with self._lock:
            self._requests.pop(request_id, None)
            self._drop_abandoned()
            living = [name for name, member in self._members.items() if member.is_alive]
            order = sorted(living, key=lambda name: (name in avoided, -_weight(root, name), name))
            if not order:
                self._unrouted += 1
                return None
            loads = Counter(request.pool for request in self._requests.values())
            bound = self._bound(sum(loads[name] for name in living), len(living))
            chosen = next((name for name in order if loads[name] < bound), order[0])
            self._diverted += chosen != order[0]
            self._requests[request_id] = _Request(chosen, self._clock())
            return chosen

    def end(self, request_id: str) -> None:
        """A request was answered, or given up."""
        with self._lock:
            self._requests.pop(request_id, None)

    def figures(self) -> RouterFigures:
        """What it has done."""
        with self._lock:
            self._drop_abandoned()
            loads = Counter(request.pool for request in self._requests.values())
            in_flight = {name: loads[name] for name in self._members}
            return RouterFigures(in_flight, self._diverted, self._unrouted)

    @staticmethod
    def _bound(in_flight: int, pools: int) -> int:
        return max(LEAST_LOAD, math.ceil(BALANCE * (in_flight + 1) / pools))

    def _drop_abandoned(self) -> None:
        oldest = self._clock() - ABANDONED_SECONDS
        for request_id in [key for key, one in self._requests.items() if one.begun < oldest]:
            del self._requests[request_id]


def _weight(root: bytes, name: str) -> int:
    return int.from_bytes(sha256(root + name.encode()).digest()[:8])
