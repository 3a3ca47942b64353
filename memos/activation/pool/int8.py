"""Segments as int8: keys with a scale for each channel, values with a scale for each token.

KIVI (arXiv 2402.02750) found keys to have outlying channels, and values none. Quantisation is
symmetric; what comes back is off by at most half a scale, beside the rounding of its own type.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LEVELS = 127


class Quantised(NamedTuple):
    """A segment's keys and values as int8.

    Attributes:
        key_scales: (layers, kv_heads, 1, head_dim), float32.
        value_scales: (layers, kv_heads, tokens, 1), float32.
        levels: (layers, 2, kv_heads, tokens, head_dim), int8.
    """

    key_scales: Tensor
    value_scales: Tensor
    levels: Tensor


def quantise(keys_values: Tensor) -> Quantised | None:
    """Keys and values of shape (layers, 2, kv_heads, tokens, head_dim) as int8; None where some of them
    are not finite.
    """
    values = keys_values.float()
    key_scales = values[:, 0].abs().amax(dim=2, keepdim=True) / LEVELS
    value_scales = values[:, 1].abs().amax(dim=3, keepdim=True) / LEVELS
    if not (key_scales.isfinite().all() and value_scales.isfinite().all()):
        return None
    keys = _levels(values[:, 0], key_scales)
    return Quantised(
        key_scales,
        value_scales,
        torch.stack((keys, _levels(values[:, 1], value_scales)), dim=1),
    )


def dequantise(quantised: Quantised, dtype: torch.dtype) -> Tensor:
    """Keys and values in a type again, contiguous."""
    levels = quantised.levels
    keys = levels[:, 0] * quantised.key_scales
    values = levels[:, 1] * quantised.value_scales
    return torch.stack((keys, values), dim=1).to(dtype)


def _levels(values: Tensor, scales: Tensor) -> Tensor:
    # A row of zeros has the scale 0, and stays one.
    safe = torch.where(scales > 0, scales, 1.0)
    return (values / safe).round().clamp(-LEVELS, LEVELS).to(torch.int8)
