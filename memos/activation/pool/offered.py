"""Whether a segment that is offered is one, and fits behind its parent."""

from __future__ import annotations

from math import isfinite

from memos.activation.pool.figures import Refusal
from memos.activation.pool.stored_segment import StoredSegment
from memos.activation.segment import Segment
from memos.kernel.errors import InvalidInput

KEY_BYTES = 32


def check_segment(segment: Segment, milliseconds: float) -> None:
    """Refuse what is no segment.

    Raises:
        InvalidInput: its key, parent, shape, start or milliseconds cannot be a segment's.
    """
    shape = tuple(segment.keys_values.shape)
    if len(shape) != 5 or shape[1] != 2 or not min(shape) > 0:
        raise InvalidInput(
            f"keys_values has the shape {shape}, and a segment (layers, 2, kv_heads, tokens, head_dim)"
        )
    if len(segment.key) != KEY_BYTES or len(segment.parent) not in (0, KEY_BYTES):
        raise InvalidInput(
            f"a segment's key and its parent's are SHA-256 digests of {KEY_BYTES} bytes, the parent of a "
            f"root is empty: these have {len(segment.key)} and {len(segment.parent)}"
        )
    if segment.start < 0 or not (isfinite(milliseconds) and milliseconds >= 0):
        raise InvalidInput(
            f"start={segment.start} and milliseconds={milliseconds}: neither may be below 0"
        )


def refusal_behind(segment: Segment, parent: StoredSegment | None) -> Refusal | None:
    """Why a segment is not taken behind what is stored of its parent; None where it is."""
    if parent is None:
        if segment.parent:
            return Refusal.NO_PARENT
        return Refusal.OTHER_PLACE if segment.start else None
    if parent.segment is None:
        return Refusal.NO_PARENT
    before, here = parent.segment.keys_values, segment.keys_values
    is_alike = (
        segment.start == parent.start + parent.tokens
        and before.dtype == here.dtype
        and before.shape[:3] == here.shape[:3]
        and before.shape[4] == here.shape[4]
    )
    return None if is_alike else Refusal.OTHER_PLACE


def as_offered(
    tenant: str, segment: Segment, milliseconds: float, parent: StoredSegment | None
) -> StoredSegment:
    """What is known of a segment that no tier has yet. One that was computed on what is not exact is not
    exact either.
    """
    return StoredSegment(
        tenant=tenant,
        key=segment.key,
        parent=segment.parent,
        start=segment.start,
        tokens=segment.tokens,
        bytes=segment.bytes,
        segment_bytes=segment.bytes,
        milliseconds=milliseconds,
        is_exact=parent is None or parent.is_exact,
    )
