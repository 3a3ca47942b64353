"""What the processes of a model are started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SMOLLM2 = "smollm2"

ADAPTERS = "adapters"
"""Below `kept_in`: where distillers keep adapters, and pools find them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSettings:
    """What a process with a model has.

    Attributes:
        model: `smollm2`, or a model's directory.
        most: how many of them there may be.
        cpus, gpus: what each has; a part of a GPU is for several that share it, each of which sees to its
            memory by itself.
        namespace: where they are found, in the cluster.
    """

    model: str
    most: int
    cpus: int
    gpus: float
    namespace: str

    @property
    def bundle(self) -> dict[str, float]:
        """What each reserves, in Ray's words."""
        return {"CPU": self.cpus, **({"GPU": self.gpus} if self.gpus else {})}

    @property
    def device(self) -> str:
        """Where a model runs; Ray shows each process its own GPU only."""
        return "cuda" if self.gpus else "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings(ReplicaSettings):
    """What `memos worker kv` was told.

    Attributes:
        least: how many pools there are always.
        memory_bytes, files_bytes: what segments may take in each: of the memory of the device that the model runs
            on, and of the disk.
        kept_in: where each keeps segments in a directory of its own, and all find adapters; None for in memory
            only.
    """

    least: int
    memory_bytes: int
    files_bytes: int
    kept_in: Path | None

    @property
    def adapters_in(self) -> Path | None:
        """Where adapters are."""
        return None if self.kept_in is None else self.kept_in / ADAPTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillerSettings(ReplicaSettings):
    """What `memos worker distill` was told.

    Attributes:
        kept_in: where adapters are kept, and how far jobs have come.
        adapters_bytes: what files of adapters may take.
    """

    kept_in: Path
    adapters_bytes: int

    @property
    def adapters_in(self) -> Path:
        """Where adapters are, and below it how far jobs have come."""
        return self.kept_in / ADAPTERS
