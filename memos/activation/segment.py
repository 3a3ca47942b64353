"""A piece of KV cache: what a model computed of one memory behind those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Segment:
    """Keys and values of one run of tokens, valid under its exact parent only; never written again.

    Attributes:
        key: SHA-256 of what it depends on (32 bytes); its parent's key is in it.
        parent: the parent's key; empty for a root.
        start: the position of its first token, which is the sum of its ancestors' tokens.
        keys_values: (layers, 2, kv_heads, tokens, head_dim), contiguous.
    """

    key: bytes
    parent: bytes
    start: int
    keys_values: Tensor

    @property
    def tokens(self) -> int:
        """How many tokens it holds."""
        return self.keys_values.shape[3]

    @property
    def bytes(self) -> int:
        """What its keys and values take."""
        return self.keys_values.nbytes


class Computed(NamedTuple):
    """A segment that was computed, and how long that took."""

    segment: Segment
    milliseconds: float
