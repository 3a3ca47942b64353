"""The scopes of a tenant by number, so that a span holds four bytes of its path."""

from __future__ import annotations

from bisect import bisect_left, insort
from threading import Lock

import numpy as np

from memos.infrastructure.index.port import Mask
from memos.kernel.scope import bounds_under


class Scopes:
    """Paths numbered in the order in which they were first seen. Only grows; safe for threads."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._sorted: list[str] = []
        self._paths: list[str] = []  # by number
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._sorted)

    def number(self, path: str) -> int:
        """The number of a path; a new one where it was never seen."""
        number = self._numbers.get(path)
        if number is not None:
            return number
        with self._lock:
            if path not in self._numbers:
                insort(self._sorted, path)
                self._numbers[path] = len(self._numbers)
                self._paths.append(path)
            return self._numbers[path]

    def path(self, number: int) -> str:
        """The path with a number."""
        return self._paths[number]

    def under(self, scope: str) -> Mask:
        """For each number, whether its path is `scope` or continues it by a segment."""
        with self._lock:
            first, end = (bisect_left(self._sorted, bound) for bound in bounds_under(scope))
            numbers = [self._numbers[path] for path in self._sorted[first:end]]
            if scope in self._numbers:
                numbers.append(self._numbers[scope])
            mask = np.zeros(len(self._sorted), np.bool_)
        mask[numbers] = True
        return mask
