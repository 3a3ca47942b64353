"""A cache whose entries are believed for a bounded time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ReadStart(NamedTuple):
    """When a read of the store began, and how often entries had been dropped by then."""

    begun: float
    drops: int


class AgedCache(Generic[K, V]):
    """Keeps what was read for `age` seconds after the read began. Safe for threads.

    What was read before a `drop` is not kept after it: it may be of what was just destroyed.
    """

    def __init__(self, age: float, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._age = age
        self._size = size
        self._clock = clock
        self._lock = Lock()
        self._drops = 0
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()

    def begin(self) -> ReadStart:
        """Call it before a read of the store whose result is put here."""
        with self._lock:
            return ReadStart(self._clock(), self._drops)

    def put(self, key: K, value: V, start: ReadStart) -> None:
        """Keep what was read."""
        with self._lock:
            if start.drops != self._drops:
                return
            self._entries[key] = value, start.begun
            self._entries.move_to_end(key)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def get(self, key: K) -> V | None:
        """What is kept and still believed."""
        with self._lock:
            value, begun = self._entries.get(key, (None, 0.0))
            if value is not None and self._clock() - begun > self._age:
                del self._entries[key]
                return None
            return value

    def drop(self, keys: Iterable[K]) -> None:
        """Forget these."""
        with self._lock:
            self._drops += 1
            for key in keys:
                self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._drops += 1
            self._entries.clear()
