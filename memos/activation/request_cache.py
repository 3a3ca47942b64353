"""The KV cache of one request: shared segments that it only reads, and a tail of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from memos.activation.segment import Segment


class CacheShape(NamedTuple):
    """What a model's cache is made of."""

    layers: int
    kv_heads: int
    head_dim: int
    dtype: torch.dtype
    device: torch.device

    def fits(self, keys_values: Tensor) -> bool:
        """Whether these could be keys and values of one segment of this model, here."""
        layers, pair, heads, _, width = keys_values.shape
        return (
            (layers, pair, heads, width) == (self.layers, 2, self.kv_heads, self.head_dim)
            and keys_values.dtype == self.dtype
            and keys_values.device == self.device
        )


class RequestCache:
    """Made anew for each request, from references: nothing of a segment is copied or written.

    Attributes:
        prefix_tokens: how many tokens the segments hold; the first position of the tail.
        tail: (layers, 2, rows, kv_heads, capacity, head_dim), allocated once.
        filled: how many tokens of the tail each row (rows,) has read; None before the first.
    """

    def __init__(
        self, shape: CacheShape, prefix: Sequence[Segment], rows: int, capacity: int
    ) -> None:
        self.prefix_tokens = sum(segment.tokens for segment in prefix)
        size = (shape.layers, 2, rows, shape.kv_heads, capacity, shape.head_dim)
        self.tail = torch.empty(size, dtype=shape.dtype, device=shape.device)
        self.filled: Tensor | None = None
        self.written = 0
        self._prefix = tuple(segment.keys_values for segment in prefix)
        self._tile: Tensor | None = None

    def prefix(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values of all segments in one layer, each (kv_heads, prefix_tokens, head_dim).

        Where there are several segments they are brought side by side in a tile of one layer's size,
        which the next layer overwrites: attention over one run of keys is 2 to 10 times as fast as over
        many short ones, and copying it costs a thirtieth of it.
        """
        alone = len(self._prefix) == 1
        keys_values = self._prefix[0][layer] if alone else self._gather(layer)
        return keys_values[0], keys_values[1]

    def write(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Put the keys and values (rows, kv_heads, tokens, head_dim) of new tokens behind what is there."""
        for kept, new in zip(self.tail[layer], (keys, values), strict=True):
            if self.filled is None:
                kept[:, :, : new.shape[2]] = new
            else:
                rows = torch.arange(kept.shape[0], device=kept.device)
                kept[rows, :, self.filled] = new[:, :, 0]
        self.written += 1

    def _gather(self, layer: int) -> Tensor:
        pieces = [each[layer] for each in self._prefix]
        if self._tile is None:
            _, heads, _, width = pieces[0].shape
            self._tile = pieces[0].new_empty((2, heads, self.prefix_tokens, width))
        return torch.cat(pieces, dim=2, out=self._tile)
