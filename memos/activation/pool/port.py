"""What keeps segments between requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from memos.activation.pool.figures import PoolFigures
from memos.activation.segment import Segment


class SegmentLease(Protocol):
    """The longest stored prefix of a chain, root first: its segments stay valid until the release."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What is stored of the chain; empty where nothing is."""
        ...

    def release(self) -> None:
        """Let the pool evict them again."""
        ...


class SegmentPool(Protocol):
    """Keeps segments under their keys, within its bytes."""

    def lease(self, tenant: str, keys: Sequence[bytes]) -> SegmentLease:
        """What is stored of the chain with these keys, root first."""
        ...

    def offer(self, tenant: str, segment: Segment, milliseconds: float) -> bool:
        """Give it a segment that took this long to compute; whether it was kept."""
        ...


class ManagedPool(SegmentPool, Protocol):
    """A pool for who looks after it, too."""

    def evict(self, tenant: str, key: bytes) -> int:
        """Take a segment out, with everything below it; how many those were."""
        ...

    def save(self) -> int:
        """Write what would be lost at a restart, where there is a place for it; how many segments."""
        ...

    def tier_of(self, tenant: str, key: bytes) -> str:
        """The slowest place that has a segment; empty where none has."""
        ...

    def evict_tenant(self, tenant: str) -> int:
        """Take out everything of a tenant; how many segments those were."""
        ...

    def figures(self) -> PoolFigures:
        """What it has done, and what it holds."""
        ...
