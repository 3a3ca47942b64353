"""A lease: the longest stored prefix of a chain, kept as it is until it is released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from types import TracebackType

from memos.activation.pool.stored_segment import StoredSegment
from memos.activation.segment import Segment


class PoolLease:
    """Segments that are not evicted while it lasts. Released twice, it is released once; afterwards it
    has no segments, so that none outlives its bytes in the count.

    Attributes:
        segments: root first, without a gap.
        is_exact: whether all of them are as the model computed them: none, and nothing that one of them
            was computed on, was ever int8.
    """

    def __init__(
        self,
        stored: Sequence[StoredSegment],
        segments: Sequence[Segment],
        let_go: Callable[[Sequence[StoredSegment]], None],
    ) -> None:
        self.segments = tuple(segments)
        self.is_exact = all(one.is_exact for one in stored)
        self._stored = stored
        self._let_go = let_go
        self._releasing = Lock()

    def release(self) -> None:
        """Let the segments go."""
        with self._releasing:
            stored, self._stored, self.segments = self._stored, (), ()
        if stored:
            self._let_go(stored)

    def __enter__(self) -> PoolLease:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
