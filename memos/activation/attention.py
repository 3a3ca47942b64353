"""The attention that a model computes here: over shared segments unmasked, over its own tokens causally.

Segments are read where they lie, once for all rows of a batch. The heads that share keys are folded into
the queries, so that keys and values are never repeated.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from memos.activation.errors import ModelRefused
from memos.activation.kernels import Attended, Kernel, join, scores_of, weigh
from memos.activation.request_cache import RequestCache

NAME = "memos_segments"
VERSION = "segments 1"
UNKNOWN = ("attention_mask", "position_bias", "s_aux", "sliding_window", "softcap")
"""What a model may ask of attention that is not computed here."""


class AttentionLayer(Protocol):
    """Of a layer's attention in transformers, what is used."""

    layer_idx: int


class SegmentAttention:
    """Attention of one forward pass. `cache` is where it reads, and writes what is new."""

    def __init__(self, kernel: Kernel, cache: RequestCache) -> None:
        self._kernel = kernel
        self._cache = cache

    def __call__(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float
    ) -> Tensor:
        """Attend in one layer, and keep its new keys and values.

        Args:
            layer: its number.
            query: (rows, heads, tokens, head_dim), rotated.
            key: (rows, kv_heads, tokens, head_dim), rotated.
            value: as `key`.
            scale: what scores are multiplied with.

        Returns:
            (rows, heads, tokens, head_dim).
        """
        self._cache.write(layer, key, value)
        if self._cache.filled is None:
            own = self._causal(query, key, value, scale)
        else:
            own = self._newest(layer, self._cache.filled, query, scale)
        if not self._cache.prefix_tokens:
            return own.output
        return join(self._over_prefix(layer, query, scale), own)

    def _causal(self, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Attended:
        """The first tokens behind the prefix: padding stands after a row's own and is seen by none."""
        group = query.shape[1] // key.shape[1]
        key, value = (each.repeat_interleave(group, 1) for each in (key, value))
        return self._kernel.attend(query, key, value, scale, True)

    def _newest(self, layer: int, filled: Tensor, query: Tensor, scale: float) -> Attended:
        """One token a row, over its tail up to itself."""
        keys, values = self._cache.tail[layer]
        rows, kv_heads, capacity, width = keys.shape
        scores = scores_of(query.reshape(rows, kv_heads, -1, width), keys, scale)
        unwritten = torch.arange(capacity, device=filled.device) > filled[:, None]
        scores.masked_fill_(unwritten[:, None, None], -torch.inf)
        # What was allocated and not yet written may be anything, and 0 · nan is nan.
        attended = weigh(scores, values.masked_fill(unwritten[:, None, :, None], 0))
        return Attended(attended.output.reshape(query.shape), attended.lse.reshape(query.shape[:3]))

    def _over_prefix(self, layer: int, query: Tensor, scale: float) -> Attended:
        """All rows at once: (1, kv_heads, rows · group · tokens, head_dim) over one run of keys."""
        keys, values = self._cache.prefix(layer)
        rows, heads, tokens, width = query.shape
        kv_heads = keys.shape[0]
        grouped = query.reshape(rows, kv_heads, -1, width).transpose(0, 1)
        found = self._kernel.attend(
            grouped.reshape(1, kv_heads, -1, width), keys[None], values[None], scale, False
        )
        output = found.output.reshape(kv_heads, rows, -1, width).transpose(0, 1)
        lse = found.lse.reshape(kv_heads, rows, -1).transpose(0, 1)
        return Attended(output.reshape(query.shape), lse.reshape(rows, heads, tokens))


def attention_forward(
    module: AttentionLayer,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    segment_attention: SegmentAttention | None = None,
    **others: object,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it; `segment_attention` comes through the model's forward.

    Raises:
        ModelRefused: the model asks for more than attention over all tokens before.
    """
    asked = [name for name in UNKNOWN if others.get(name) is not None]
    if segment_attention is None or attention_mask is not None or asked:
        raise ModelRefused(
            f"attention with {', '.join(asked) or 'a mask or a cache of its own'} is not computed over "
            "segments: call the model through memos.activation, and use one with full attention"
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    output = segment_attention(module.layer_idx, query, key, value, scale)
    return output.transpose(1, 2).contiguous(), None
