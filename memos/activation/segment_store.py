"""Where one model's segments are kept, and what is known of them: whose they are, of which memories."""

from __future__ import annotations

import hmac
import secrets
import warnings
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from memos.activation.chain_sources import ChainSources
from memos.activation.pool.directory import PoolDirectory
from memos.activation.pool.file_tier import FileTier
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier, on, pinned
from memos.activation.pool.pool import Pool
from memos.activation.pool.port import ManagedPool


class StoreLimits(NamedTuple):
    """How many bytes may be taken, by segments: of the device that the model runs on, of the CPU's memory beside
    a GPU, and of a disk; and by adapters: of the device, and of a disk.
    """

    device: int = 2**30
    host: int = 2**32
    files: int = 2**31
    adapters: int = 2**28
    adapter_files: int = 2**30


class SegmentStore:
    """A pool, and beside it the sources of its segments.

    Args:
        pool: what keeps segments.
        sources: which memories they are of; the pool's files need the same.
        directory: of the pool's files. Without one the owners' secrets end with this process, and no other
            process can name a segment.
    """

    def __init__(
        self,
        pool: ManagedPool,
        sources: ChainSources | None = None,
        directory: PoolDirectory | None = None,
    ) -> None:
        self.pool = pool
        self.sources = sources or ChainSources()
        self._directory = directory
        self._secret = secrets.token_bytes(32) if directory is None else directory.secret

    @classmethod
    def on_device(
        cls, device: str, directory: Path | None = None, limits: StoreLimits | None = None
    ) -> SegmentStore:
        """A store beside a model: in its device's memory, of a GPU also in the CPU's, and in a directory
        where one is given that no other process holds.

        Raises:
            VaultError: the directory cannot be used.
        """
        most = limits or StoreLimits()
        memory = [MemoryTier("memory", Limits(most.device))]
        if device != "cpu":
            on_gpu = MemoryTier("gpu", Limits(most.device), on(device))
            memory = [on_gpu, MemoryTier("pinned", Limits(most.host), pinned)]
        held = None if directory is None else PoolDirectory.hold(directory)
        if held is None:
            if directory is not None:
                warnings.warn(
                    f"{directory} is held by another process: the KV cache that this one computes is in memory "
                    "only, and lost when it ends",
                    RuntimeWarning,
                    stacklevel=4,
                )
            return cls(Pool(memory))
        sources = ChainSources()
        files = FileTier(held.segments, Limits(most.files), held.secret, sources.seals)
        return cls(Pool(memory, files), sources, held)

    def owner_secret(self, owner: str) -> bytes:
        """What names an owner's segments (32 bytes): others can neither find them nor tell that they are
        there.
        """
        return hmac.digest(self._secret, b"memos kv owner\0" + owner.encode(), sha256)

    def evict(self, owner: str, cube_ids: Collection[str], keys: Collection[bytes]) -> int:
        """Take the segments of some memories, and those with some keys, and all behind them, out of every
        tier; how many those were. No segment of these memories is written to a disk any more.
        """
        taken = {*self.sources.forget(owner, cube_ids), *keys}
        return sum(self.pool.evict(owner, key) for key in taken)

    def save_at_once(self, owner: str, key: bytes) -> None:
        """Write what would be lost; where it was to be and is not, a warning tells."""
        if self._directory is None:
            return
        self.pool.save()
        if self.pool.tier_of(owner, key) != FileTier.name:
            warnings.warn(
                "the KV cache of these memories could not be written, or not in the bytes that it may have: it "
                "is lost when this process ends",
                RuntimeWarning,
                stacklevel=4,
            )

    def close(self) -> None:
        """Write what would be lost, and let others use the directory."""
        if self._directory is not None:
            self.pool.save()
            self._directory.close()
