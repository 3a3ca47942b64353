"""A tier in memory: of the device that the model runs on, or of the CPU beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from memos.activation.pool.limits import Limits
from memos.activation.pool.stored_segment import StoredSegment
from memos.activation.segment import Segment

Place = Callable[[Tensor], Tensor]
"""Puts a tensor where a tier keeps it: itself where it is there already."""

COPIED_PER_SECOND = 5e9
"""A first guess at bytes copied from the CPU's memory in a second."""


def where_it_is(tensor: Tensor) -> Tensor:
    """Leaves tensors where they are: all of a machine without a GPU are in the CPU's memory."""
    return tensor


def on(device: torch.device | str) -> Place:
    """Places tensors on a device."""
    return lambda tensor: tensor.to(device)


def pinned(tensor: Tensor) -> Tensor:
    """A copy in pinned memory of the CPU, which a GPU reads without a copy in between. PyTorch takes the
    next power of two for it: a tier may take up to twice its bytes.
    """
    copy = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu", pin_memory=True)
    return copy.copy_(tensor)


class MemoryTier:
    """Keeps tensors. What it takes in has a storage of its own, so that its bytes are what it takes.

    Args:
        name: in figures.
        limits: what it may hold.
        place: where it keeps tensors.
    """

    keeps_loaded = False
    bytes_per_second = COPIED_PER_SECOND

    def __init__(self, name: str, limits: Limits, place: Place = where_it_is) -> None:
        self.name = name
        self.limits = limits
        self._place = place

    def most_bytes(self, segment: Segment) -> int:
        return segment.bytes

    def write(self, segment: Segment, source: StoredSegment) -> StoredSegment | None:
        try:
            tensor = _alone(self._place(segment.keys_values.detach()))
        except torch.OutOfMemoryError:
            return None  # something else than the pool has taken the device's memory
        return StoredSegment(
            tenant=source.tenant,
            key=segment.key,
            parent=segment.parent,
            start=segment.start,
            tokens=segment.tokens,
            bytes=segment.bytes,
            segment_bytes=segment.bytes,
            milliseconds=source.milliseconds,
            is_exact=source.is_exact,
            uses=source.uses,
            segment=replace(segment, keys_values=tensor),
        )

    def read(self, stored: StoredSegment) -> Segment | None:
        return stored.segment

    def discard(self, stored: StoredSegment) -> None:
        stored.segment = None


def _alone(tensor: Tensor) -> Tensor:
    """A tensor that shares its storage with nothing: a view would keep alive all that it is a view of."""
    if tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes:
        return tensor
    return tensor.clone(memory_format=torch.contiguous_format)
