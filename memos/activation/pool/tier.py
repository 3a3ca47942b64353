"""A tier of a pool: a place that keeps segments. The first one's are used as they are."""

from __future__ import annotations

from typing import Protocol

from memos.activation.pool.limits import Limits
from memos.activation.pool.stored_segment import StoredSegment
from memos.activation.segment import Segment


class Tier(Protocol):
    """Writes, reads and removes bytes; the pool's `TierContents` of it says what is there.

    `write` and `read` are called without the pool's lock, by several threads.

    Attributes:
        name: in figures.
        limits: what it may hold.
        bytes_per_second: a first guess at how fast segments are loaded from here.
        keeps_loaded: whether a segment stays here when a faster tier has taken it up.
    """

    @property
    def name(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def bytes_per_second(self) -> float: ...

    @property
    def keeps_loaded(self) -> bool: ...

    def most_bytes(self, segment: Segment) -> int:
        """What a segment takes here at most: that much room is reserved before it is written."""
        ...

    def write(self, segment: Segment, source: StoredSegment) -> StoredSegment | None:
        """Write a segment; None where that was not possible.

        Args:
            segment: the segment.
            source: what is known of it.
        """
        ...

    def read(self, stored: StoredSegment) -> Segment | None:
        """The segment, as it was stored; None where it is not there, or not what was written.

        Raises:
            VaultError: that cannot be said now.
        """
        ...

    def discard(self, stored: StoredSegment) -> None:
        """Remove what `write` wrote."""
        ...
