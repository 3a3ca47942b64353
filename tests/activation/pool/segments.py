"""Segments whose tensors tell by their key whether they are the right ones, and pools to keep them in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from memos.activation.pool.eviction import EvictionPolicy, Gdsf
from memos.activation.pool.file_tier import CubeKeys, FileTier
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.activation.segment import Segment

LAYERS, HEADS, WIDTH = 2, 2, 8
TOKEN_BYTES = LAYERS * 2 * HEADS * WIDTH * 4
"""Of one token in fp32: 256."""

ROOMY = Limits(1 << 30)
SECRET = bytes(range(32))
CUBE_KEY = b"k" * 32
SLOW = 1e6
"""Milliseconds of computing that every load beats."""


def content_of(key: bytes, tokens: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """The keys and values of a key: normal, and the same each time."""
    generator = torch.Generator().manual_seed(int.from_bytes(key[:7], "big"))
    shape = (LAYERS, 2, HEADS, tokens, WIDTH)
    return torch.randn(shape, generator=generator).to(dtype)


def segment(
    name: str, parent: Segment | None = None, tokens: int = 4, dtype: torch.dtype = torch.float32
) -> Segment:
    """A segment behind another one."""
    above = b"" if parent is None else parent.key
    start = 0 if parent is None else parent.start + parent.tokens
    key = sha256(above + name.encode()).digest()
    return Segment(key, above, start, content_of(key, tokens, dtype))


def chain(*names: str, tokens: int = 4) -> list[Segment]:
    """Segments, each behind the one before."""
    made: list[Segment] = []
    for name in names:
        made.append(segment(name, made[-1] if made else None, tokens))
    return made


def keys(segments: Sequence[Segment]) -> list[bytes]:
    """The keys of segments."""
    return [one.key for one in segments]


def is_right(one: Segment) -> bool:
    """Whether the tensor of a segment is its own, bit for bit."""
    return torch.equal(one.keys_values, content_of(one.key, one.tokens, one.keys_values.dtype))


def memory_pool(limits: Limits = ROOMY, policy: Callable[[], EvictionPolicy] = Gdsf) -> Pool:
    """A pool with one tier in memory."""
    return Pool([MemoryTier("memory", limits)], policy=policy)


def file_tier(
    directory: Path,
    limits: Limits = ROOMY,
    cube_keys: CubeKeys = lambda _: (CUBE_KEY,),
    *,
    as_int8: bool = False,
) -> FileTier:
    """A tier of files whose segments are all made of one cube, unless said."""
    return FileTier(directory, limits, SECRET, cube_keys, as_int8=as_int8)


def tiered_pool(memory: Limits, files: FileTier) -> Pool:
    """A pool with one tier in memory before its files."""
    return Pool([MemoryTier("memory", memory)], files)


def offer_all(
    pool: Pool, tenant: str, segments: Sequence[Segment], milliseconds: float = SLOW
) -> list[bool]:
    """Offer a chain as an engine does."""
    return [pool.offer(tenant, one, milliseconds) for one in segments]


def stored_keys(pool: Pool, tenant: str, segments: Sequence[Segment]) -> list[bytes]:
    """What a lease finds of a chain."""
    with pool.lease(tenant, keys(segments)) as lease:
        return [one.key for one in lease.segments]


def bytes_in(pool: Pool, tier: str = "memory") -> int:
    """What a tier holds of all tenants."""
    return sum(pool.figures().bytes[tier].values())
