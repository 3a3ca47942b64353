# What `memos` has; `__init__.py` imports each name when it is asked for.
from .infrastructure.chat_models.adapting import (
    AdapterServingModel,
    AdaptingModel,
    DistillationJob,
    DistillationSettings,
    DistilledAdapter,
    Evaluation,
    LessonMemory,
    Probe,
    Role,
    Thresholds,
)
from .infrastructure.chat_models.openai_compatible import OpenAICompatible
from .infrastructure.chat_models.port import (
    CachedPrefix,
    CachingModel,
    ChatMessage,
    ChatModel,
    ChatPrompt,
    PrefillCosts,
    PromptAdapter,
    PromptMemory,
    TokenUsage,
)
from .infrastructure.index.models.embedders.endpoint import EmbeddingsEndpoint
from .infrastructure.index.models.embedders.port import Embedder
from .infrastructure.index.models.rerankers import Reranker
from .infrastructure.index.models.rerankers.endpoint import RerankEndpoint
from .infrastructure.reports import BackedUp, Finding, Problem, Rebuilt, RootRotated, Verification
from .infrastructure.transfer.load.loader import LoadReport, RefusedCube
from .interface.async_memory import AsyncChatStream, AsyncContextSession, AsyncMemory
from .interface.client.async_client import AsyncClient
from .interface.client.bulk import BulkAdded
from .interface.client.client import Client
from .interface.client.following import FollowedChange
from .interface.context_session import ContextSession
from .interface.memory import Memory
from .interface.vaults import doctor, restore_vault
from .kernel.cube import Lifespan
from .kernel.errors import (
    AlreadyErased,
    Busy,
    Conflict,
    Damaged,
    Denied,
    DiskFull,
    DistillationRefused,
    EmbeddingFailed,
    EraseUnfinished,
    Held,
    IllegalMove,
    IndexUnavailable,
    InvalidInput,
    KeysMissing,
    LogLost,
    LogUnavailable,
    MemosError,
    ModelUnavailable,
    NotApplied,
    NotFound,
    OtherContent,
    PartitionsChanged,
    PartlyDone,
    ProjectionsLost,
    ReadOnly,
    Refused,
    RerankFailed,
    SourceErased,
    StoreUnavailable,
    SubjectErased,
    TeacherUnavailable,
    Unacknowledged,
    Unauthenticated,
    Unreadable,
    VaultError,
    WrongRootKey,
)
from .kernel.event import Position
from .operation.adapter_manifest import ListedMemory
from .operation.adapters.adapter import Adapter, AdapterDetails, AdapterVersion
from .operation.adapters.backpatch import Backpatched
from .operation.adapters.distillation import Distillation
from .operation.adapters.rebuilt import RebuiltAdapter
from .operation.adapters.verdict import AdapterRejection
from .operation.api_key import ApiKey, CreatedApiKey
from .operation.chat.answer import ChatAnswer, ChatFigures, MemoryForm
from .operation.chat.stream import ChatStream
from .operation.commands.backup import VaultRestored
from .operation.commands.batch import Batch
from .operation.commands.chosen import PlannedMemory
from .operation.commands.erase_plan import ErasePlan
from .operation.commands.export import ExportReport
from .operation.commands.extract import FactsReport
from .operation.commands.importing.file import ImportReport
from .operation.commands.queries import AskedQuery
from .operation.commands.rollback import Rollback
from .operation.commands.sweep import Sweep
from .operation.cube import Forgotten, MemCube
from .operation.erasure_receipt import ErasureReceipt
from .operation.forms.activation import Activation, Materialised
from .operation.forms.schedule import Schedule
from .operation.learning.round import LearningRound, Learnt, RetiredAdapter
from .operation.proof import ConsistencyProof, Proof, SignedCheckpoint
from .operation.reads.accesses import AccessEntry
from .operation.reads.context_block import Citation, ContextBlock
from .operation.reads.counting import Count
from .operation.reads.embedding import EmbeddingLag
from .operation.reads.graph import Related, RelatedReason
from .operation.reads.history import (
    Change,
    DamagedChange,
    DamagedEntry,
    Diff,
    Lineage,
    LineageEdge,
    LogEntry,
)
from .operation.reads.listing import Page
from .operation.reads.route import Concept, Fact, Route, Step, Topic
from .operation.reads.stable_context import HeldMemory, StableContext
from .operation.reads.subjects import Subjects
from .operation.reads.vault import Stats
from .operation.receipt import Receipt, Rejection, TurnReceipts
from .operation.search.hits import Hit, Hits
from .operation.vocabulary import Vocabulary

__all__ = [
    "AccessEntry",
    "Activation",
    "Adapter",
    "AdapterDetails",
    "AdapterRejection",
    "AdapterServingModel",
    "AdapterVersion",
    "AdaptingModel",
    "AlreadyErased",
    "ApiKey",
    "AskedQuery",
    "AsyncChatStream",
    "AsyncClient",
    "AsyncContextSession",
    "AsyncMemory",
    "BackedUp",
    "Backpatched",
    "Batch",
    "BulkAdded",
    "Busy",
    "CachedPrefix",
    "CachingModel",
    "Change",
    "ChatAnswer",
    "ChatFigures",
    "ChatMessage",
    "ChatModel",
    "ChatPrompt",
    "ChatStream",
    "Citation",
    "Client",
    "Concept",
    "Conflict",
    "ConsistencyProof",
    "ContextBlock",
    "ContextSession",
    "Count",
    "CreatedApiKey",
    "Damaged",
    "DamagedChange",
    "DamagedEntry",
    "Denied",
    "Diff",
    "DiskFull",
    "Distillation",
    "DistillationJob",
    "DistillationRefused",
    "DistillationSettings",
    "DistilledAdapter",
    "Embedder",
    "EmbeddingFailed",
    "EmbeddingLag",
    "EmbeddingsEndpoint",
    "ErasePlan",
    "EraseUnfinished",
    "ErasureReceipt",
    "Evaluation",
    "ExportReport",
    "Fact",
    "FactsReport",
    "Finding",
    "FollowedChange",
    "Forgotten",
    "Held",
    "HeldMemory",
    "Hit",
    "Hits",
    "IllegalMove",
    "ImportReport",
    "IndexUnavailable",
    "InvalidInput",
    "KeysMissing",
    "LearningRound",
    "Learnt",
    "LessonMemory",
    "Lifespan",
    "Lineage",
    "LineageEdge",
    "ListedMemory",
    "LoadReport",
    "LogEntry",
    "LogLost",
    "LogUnavailable",
    "Materialised",
    "MemCube",
    "Memory",
    "MemoryForm",
    "MemosError",
    "ModelUnavailable",
    "NotApplied",
    "NotFound",
    "OpenAICompatible",
    "OtherContent",
    "Page",
    "PartitionsChanged",
    "PartlyDone",
    "PlannedMemory",
    "Position",
    "PrefillCosts",
    "Probe",
    "Problem",
    "ProjectionsLost",
    "PromptAdapter",
    "PromptMemory",
    "Proof",
    "ReadOnly",
    "Rebuilt",
    "RebuiltAdapter",
    "Receipt",
    "Refused",
    "RefusedCube",
    "Rejection",
    "Related",
    "RelatedReason",
    "RerankEndpoint",
    "RerankFailed",
    "Reranker",
    "RetiredAdapter",
    "Role",
    "Rollback",
    "RootRotated",
    "Route",
    "Schedule",
    "SignedCheckpoint",
    "SourceErased",
    "StableContext",
    "Stats",
    "Step",
    "StoreUnavailable",
    "SubjectErased",
    "Subjects",
    "Sweep",
    "TeacherUnavailable",
    "Thresholds",
    "TokenUsage",
    "Topic",
    "TurnReceipts",
    "Unacknowledged",
    "Unauthenticated",
    "Unreadable",
    "VaultError",
    "VaultRestored",
    "Verification",
    "Vocabulary",
    "WrongRootKey",
    "doctor",
    "restore_vault",
]
