"""Attention kernels that also give the log of their denominators, so that parts can be joined.

softmax(q·[k₁ k₂])·[v₁ v₂] is the mean of the parts' results, weighted by exp(lse): exact but for rounding
(Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022, appendix B).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

_HALVES = (torch.bfloat16, torch.float16)
_FLASH_HEAD_MULTIPLE, _FLASH_HEAD_MOST = 8, 256


class Attended(NamedTuple):
    """What queries found in some keys.

    Attributes:
        output: (batch, heads, queries, head_dim).
        lse: log of the sum of exponentials, (batch, heads, queries), float32.
    """

    output: Tensor
    lse: Tensor


Attend = Callable[[Tensor, Tensor, Tensor, float, bool], Attended]
"""(queries, keys, values, scale, causal): equally many heads in all; causal needs as many keys as queries."""


class Kernel(NamedTuple):
    """A way to attend; its name is part of a model's identity, since low bits depend on it."""

    name: str
    attend: Attend


def kernel_for(device: torch.device, dtype: torch.dtype, head_dim: int) -> Kernel:
    """The fastest kernel of PyTorch there that gives the denominators."""
    if device.type == "cpu":
        return Kernel("flash-cpu", _flash_cpu)
    fits = head_dim % _FLASH_HEAD_MULTIPLE == 0 and head_dim <= _FLASH_HEAD_MOST
    if device.type == "cuda" and dtype in _HALVES and fits:
        return Kernel("flash-cuda", _flash_cuda)
    return Kernel("plain", attend_plainly)


def attend_plainly(
    query: Tensor, key: Tensor, value: Tensor, scale: float, causal: bool
) -> Attended:
    """Attention as it is defined, on any device, in float32."""
    scores = scores_of(query, key, scale)
    if causal:
        ahead = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores.masked_fill_(ahead, -torch.inf)
    return weigh(scores, value)


def scores_of(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """How much each query asks for each key, (batch, heads, queries, keys), float32."""
    return torch.matmul(query.float(), key.float().transpose(-1, -2)).mul_(scale)


def weigh(scores: Tensor, value: Tensor) -> Attended:
    """The mean of the values under the softmax of the scores."""
    lse = scores.logsumexp(-1)
    output = torch.matmul((scores - lse.unsqueeze(-1)).exp(), value.float())
    return Attended(output.to(value.dtype), lse)


def join(one: Attended, other: Attended) -> Tensor:
    """What the queries find in the keys of both parts, (batch, heads, queries, head_dim)."""
    lse = torch.logaddexp(one.lse, other.lse)
    share = (one.lse - lse).exp().unsqueeze(-1)
    rest = (other.lse - lse).exp().unsqueeze(-1)
    return (one.output * share).addcmul_(other.output.float(), rest).to(one.output.dtype)


def _flash_cpu(query: Tensor, key: Tensor, value: Tensor, scale: float, causal: bool) -> Attended:
    flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    output, lse = flash(query, key, value, 0.0, causal, scale=scale)
    return Attended(output, lse)


def _flash_cuda(query: Tensor, key: Tensor, value: Tensor, scale: float, causal: bool) -> Attended:
    flash = torch.ops.aten._scaled_dot_product_flash_attention
    output, lse, *_ = flash(query, key, value, 0.0, causal, False, scale=scale)
    return Attended(output, lse)
