"""What pools are started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """What `memos worker kv` was told.

    Attributes:
        model: `smollm2`, or a model's directory.
        least, most: how many pools there may be.
        cpus, gpus: what each has; a part of a GPU is for several that share it, each of which sees to its
            memory by itself.
        memory_bytes, files_bytes: what segments may take in each: of the memory of the device that the model runs
            on, and of the disk.
        kept_in: where each keeps segments in a directory of its own, and finds the adapters that are kept below
            it for all; None for in memory only.
        namespace: where they are found, in the cluster.
    """

    model: str
    least: int
    most: int
    cpus: int
    gpus: float
    memory_bytes: int
    files_bytes: int
    kept_in: Path | None
    namespace: str

    @property
    def bundle(self) -> dict[str, float]:
        """What a pool reserves, in Ray's words."""
        return {"CPU": self.cpus, **({"GPU": self.gpus} if self.gpus else {})}

    @property
    def device(self) -> str:
        """Where a pool's model runs; Ray shows each pool its own GPU only."""
        return "cuda" if self.gpus else "cpu"
