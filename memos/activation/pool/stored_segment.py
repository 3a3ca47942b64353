"""A segment as one tier keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from memos.activation.segment import Segment


@dataclass(slots=True, eq=False)
class StoredSegment:
    """What a tier knows of a segment that it keeps. Its pool's lock guards it.

    Attributes:
        tenant: the tenant's label; tenants share nothing.
        bytes: what it takes in this tier.
        segment_bytes: what it takes as a segment.
        milliseconds: what computing it took.
        is_exact: whether it, and all that it was computed on, is as the model computed it.
        uses: how often it was leased, and once for being offered.
        holds: how many leases, copies and pins keep it here.
        is_gone: whether the tier has forgotten it; who holds it may still read it.
        priority: what is evicted last has the highest.
        declined: the milliseconds that loading it was expected to take when that was not worth it.
        segment: the segment; None in files, and once it is gone.
    """

    tenant: str
    key: bytes
    parent: bytes
    start: int
    tokens: int
    bytes: int
    segment_bytes: int
    milliseconds: float
    is_exact: bool = True
    uses: int = 1
    holds: int = 0
    is_pinned: bool = False
    is_gone: bool = False
    priority: float = 0.0
    declined: float | None = None
    segment: Segment | None = None
