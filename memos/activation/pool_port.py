"""What an engine asks of a pool of segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from memos.activation.segment import Segment


class Lease(Protocol):
    """Segments that stay as they are until it is released."""

    segments: tuple[Segment, ...]

    def release(self) -> None: ...


class SegmentPool(Protocol):
    """Keeps segments, each under its exact parent."""

    def lease(self, tenant: str, keys: Sequence[bytes]) -> Lease: ...

    def offer(self, tenant: str, segment: Segment, milliseconds: float) -> bool: ...
