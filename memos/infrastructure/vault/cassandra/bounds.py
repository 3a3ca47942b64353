"""Moments of the log, as bounds of rows of one partition."""

from __future__ import annotations

from memos.kernel.moment import At


def bound(at: At, partition: int) -> int:
    """The greatest ordinal of a partition that a read at a moment can see; -1 where none."""
    if isinstance(at, int):
        return at
    return at[partition] if partition < len(at) else -1
