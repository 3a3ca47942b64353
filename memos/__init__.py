"""MemOS: the memory store of AI agents. Every memory operation is an event."""

from memos.infrastructure.doctor import Finding
from memos.infrastructure.index.embedders.endpoint import EmbeddingsEndpoint
from memos.infrastructure.index.embedders.port import Embedder
from memos.infrastructure.index.rerankers import Reranker
from memos.infrastructure.index.rerankers.endpoint import RerankEndpoint
from memos.infrastructure.reports import Problem, Rebuilt, Verification
from memos.infrastructure.transfer.loader import LoadReport, RefusedCube
from memos.interface.aio import AsyncMemory
from memos.interface.api import Memory, doctor
from memos.interface.embedding import EmbeddingLag
from memos.interface.erasure_receipt import ErasureReceipt
from memos.interface.exporting import ExportReport
from memos.interface.facts import FactsReport
from memos.interface.importing import ImportReport
from memos.interface.keeping import ConsistencyProof, Proof, SignedCheckpoint, Stats
from memos.interface.receipts import Receipt, Rejection
from memos.interface.sweeping import Sweep
from memos.interface.undoing import Rollback
from memos.kernel.cube import Lifespan
from memos.kernel.errors import (
    Busy,
    Conflict,
    Damaged,
    Denied,
    EmbeddingFailed,
    Held,
    IllegalMove,
    IndexUnavailable,
    InvalidInput,
    LogUnavailable,
    MemosError,
    NotApplied,
    NotFound,
    OtherContent,
    PartitionsChanged,
    Refused,
    RerankFailed,
    StoreUnavailable,
    Unacknowledged,
    VaultError,
)
from memos.kernel.event import Position
from memos.operation.blocks import Citation, ContextBlock
from memos.operation.cubes import Forgotten, MemCube
from memos.operation.graph import Reason, Related
from memos.operation.history import Change, Diff, Lineage, LineageEdge, LogEntry
from memos.operation.hits import Hit, Hits
from memos.operation.routing import Concept, Fact, Route, Step, Topic
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
    "FactsReport",
    "Finding",
    "Forgotten",
    "Held",
    "Hit",
    "Hits",
    "IllegalMove",
    "ImportReport",
    "IndexUnavailable",
    "InvalidInput",
    "Lifespan",
    "Lineage",
    "LineageEdge",
    "LoadReport",
    "LogEntry",
    "LogUnavailable",
    "MemCube",
    "Memory",
    "MemosError",
    "NotApplied",
    "NotFound",
    "OtherContent",
    "PartitionsChanged",
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
    "RerankEndpoint",
    "RerankFailed",
    "Reranker",
    "Rollback",
    "Route",
    "SignedCheckpoint",
    "Stats",
    "Step",
    "StoreUnavailable",
    "Sweep",
    "Topic",
    "Unacknowledged",
    "VaultError",
    "Verification",
    "Vocabulary",
    "doctor",
]
