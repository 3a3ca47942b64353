"""MemOS: the memory store of AI agents. Every memory operation is an event."""

from memos.infrastructure.engine import Problem, Rebuilt, Verification
from memos.infrastructure.doctor import Finding
from memos.infrastructure.index.embedders.endpoint import EmbeddingsEndpoint
from memos.infrastructure.index.embedders.port import Embedder
from memos.infrastructure.transfer.loader import LoadReport, RefusedCube
from memos.interface.aio import AsyncMemory
from memos.interface.api import Memory, doctor
from memos.interface.embedding import EmbeddingLag
from memos.interface.erasing import ErasureReceipt
from memos.interface.exporting import ExportReport
from memos.interface.importing import ImportReport
from memos.interface.keeping import ConsistencyProof, Proof, SignedCheckpoint, Stats
from memos.interface.receipts import Receipt, Rejection
from memos.interface.undoing import Rollback, Sweep
from memos.kernel.cube import Lifespan
from memos.kernel.errors import (
    Busy,
    Conflict,
    Damaged,
    Denied,
    EmbeddingFailed,
    Held,
    IllegalMove,
    InvalidInput,
    MemosError,
    NotFound,
    OtherContent,
    Refused,
    VaultError,
)
from memos.kernel.event import Position
from memos.operation.blocks import Citation, ContextBlock
from memos.operation.cubes import Forgotten, MemCube
from memos.operation.graph import Reason, Related
from memos.operation.history import Change, Diff, Lineage, LineageEdge, LogEntry
from memos.operation.routing import Concept, Fact, Route, Step, Topic
from memos.operation.search import Hit
from memos.operation.vocabulary import Vocabulary

__all__ = [
    "AsyncMemory",
    "Busy",
    "Change",
    "Citation",
    "Concept",
    "Conflict",
    "ConsistencyProof",
    "ContextBlock",
    "Damaged",
    "Denied",
    "Diff",
    "Embedder",
    "EmbeddingFailed",
    "EmbeddingLag",
    "EmbeddingsEndpoint",
    "ErasureReceipt",
    "ExportReport",
    "Fact",
    "Finding",
    "Forgotten",
    "Held",
    "Hit",
    "IllegalMove",
    "ImportReport",
    "InvalidInput",
    "Lifespan",
    "Lineage",
    "LineageEdge",
    "LoadReport",
    "LogEntry",
    "MemCube",
    "Memory",
    "MemosError",
    "NotFound",
    "OtherContent",
    "Position",
    "Problem",
    "Proof",
    "Reason",
    "Rebuilt",
    "Receipt",
    "Refused",
    "RefusedCube",
    "Rejection",
    "Related",
    "Rollback",
    "Route",
    "SignedCheckpoint",
    "Stats",
    "Step",
    "Sweep",
    "Topic",
    "VaultError",
    "Verification",
    "Vocabulary",
    "doctor",
]
