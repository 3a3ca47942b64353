"""What working with a model's KV cache raises."""

from __future__ import annotations

from memos.kernel.errors import MemosError


class ModelRefused(MemosError):
    """The KV cache of this model cannot be kept in pieces, or its weights cannot be read safely."""
