"""MemOS: the memory store of AI agents. Every memory operation is an event."""

from memos.infrastructure.index.models.embedders.endpoint import EmbeddingsEndpoint
from memos.infrastructure.index.models.embedders.port import Embedder
from memos.infrastructure.index.models.rerankers import Reranker
from memos.infrastructure.index.models.rerankers.endpoint import RerankEndpoint
from memos.infrastructure.reports import Finding, Problem, Rebuilt, Verification
from memos.infrastructure.transfer.load.loader import LoadReport, RefusedCube
from memos.interface.async_memory import AsyncMemory
from memos.interface.memory import Memory
from memos.interface.vaults import doctor
from memos.kernel.cube import Lifespan
from memos.kernel.errors import (
    AlreadyErased,
    Busy,
    Conflict,
    Damaged,
    Denied,
    DiskFull,
    EmbeddingFailed,
    EraseUnfinished,
    Held,
    IllegalMove,
    IndexUnavailable,
    InvalidInput,
    KeysMissing,
    LogUnavailable,
    MemosError,
    NotApplied,
    NotFound,
    OtherContent,
    PartitionsChanged,
    Refused,
    RerankFailed,
    SourceErased,
    StoreUnavailable,
    Unacknowledged,
    Unreadable,
    VaultError,
)
from memos.kernel.event import Position
from memos.operation.commands.export import ExportReport
from memos.operation.commands.extract import FactsReport
from memos.operation.commands.import_file import ImportReport
from memos.operation.commands.queries import AskedQuery
from memos.operation.commands.rollback import Rollback
from memos.operation.commands.sweep import Sweep
from memos.operation.cube import Forgotten, MemCube
from memos.operation.erasure_receipt import ErasureReceipt
from memos.operation.proof import ConsistencyProof, Proof, SignedCheckpoint
from memos.operation.reads.context_block import Citation, ContextBlock
from memos.operation.reads.embedding import EmbeddingLag
from memos.operation.reads.graph import Related, RelatedReason
from memos.operation.reads.history import (
    Change,
    DamagedChange,
    Diff,
    Lineage,
    LineageEdge,
    LogEntry,
)
from memos.operation.reads.route import Concept, Fact, Route, Step, Topic
from memos.operation.reads.vault import Stats
from memos.operation.receipt import Receipt, Rejection
from memos.operation.search.hits import Hit, Hits
from memos.operation.vocabulary import Vocabulary

__all__ = [
    "AlreadyErased",
    "AskedQuery",
    "AsyncMemory",
    "Busy",
    "Change",
    "Citation",
    "Concept",
    "Conflict",
    "ConsistencyProof",
    "ContextBlock",
    "Damaged",
    "DamagedChange",
    "Denied",
    "Diff",
    "DiskFull",
    "Embedder",
    "EmbeddingFailed",
    "EmbeddingLag",
    "EmbeddingsEndpoint",
    "EraseUnfinished",
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
    "KeysMissing",
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
    "Rebuilt",
    "Receipt",
    "Refused",
    "RefusedCube",
    "Rejection",
    "Related",
    "RelatedReason",
    "RerankEndpoint",
    "RerankFailed",
    "Reranker",
    "Rollback",
    "Route",
    "SignedCheckpoint",
    "SourceErased",
    "Stats",
    "Step",
    "StoreUnavailable",
    "Sweep",
    "Topic",
    "Unacknowledged",
    "Unreadable",
    "VaultError",
    "Verification",
    "Vocabulary",
    "doctor",
]
