"""A pool that keeps everything, to test who asks it."""

from __future__ import annotations

from collections.abc import Sequence

from memos.activation.pool.figures import PoolFigures
from memos.activation.segment import Segment


class DictLease:
    def __init__(self, pool: DictPool, segments: tuple[Segment, ...]) -> None:
        self.segments = segments
        self._pool = pool

    def release(self) -> None:
        self._pool.leased -= 1


class DictPool:
    """Segments by key alone: whoever knows a key gets what is under it."""

    def __init__(self) -> None:
        self.stored: dict[bytes, Segment] = {}
        self.leased = 0
        self.offered = 0

    def lease(self, tenant: str, keys: Sequence[bytes]) -> DictLease:
        found = []
        for key in keys:
            if key not in self.stored:
                break
            found.append(self.stored[key])
        self.leased += 1
        return DictLease(self, tuple(found))

    def offer(self, tenant: str, segment: Segment, milliseconds: float) -> bool:
        self.offered += 1
        self.stored[segment.key] = segment
        return True

    def evict(self, tenant: str, key: bytes) -> int:
        below = [each for each in self.stored.values() if each.parent == key]
        taken = self.stored.pop(key, None)
        return (taken is not None) + sum(self.evict(tenant, each.key) for each in below)

    def evict_tenant(self, tenant: str) -> int:
        raise NotImplementedError

    def figures(self) -> PoolFigures:
        raise NotImplementedError

    def save(self) -> int:
        return 0

    def tier_of(self, tenant: str, key: bytes) -> str:
        return "memory" if key in self.stored else ""

    @property
    def bytes(self) -> int:
        return sum(segment.bytes for segment in self.stored.values())
