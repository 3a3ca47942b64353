"""MemOS: the memory store of AI agents. Every memory operation is an event."""

from memos.infrastructure.audit import Problem, Rebuilt, Verification
from memos.infrastructure.doctor import Finding
from memos.infrastructure.transfer.loader import LoadReport, RefusedCube
from memos.interface.aio import AsyncMemory
from memos.interface.api import Memory, doctor
from memos.interface.erasing import ErasureReceipt
from memos.interface.exporting import ExportReport
from memos.interface.importing import ImportReport
from memos.interface.keeping import Proof, SignedCheckpoint, Stats
from memos.interface.receipts import Receipt, Rejection
from memos.interface.undoing import Rollback, Sweep
from memos.kernel.cube import Lifespan
from memos.kernel.errors import (
    Busy,
    Conflict,
    Damaged,
    Denied,
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
from memos.operation.cubes import Forgotten, MemCube
from memos.operation.history import Change, Diff, Lineage, LineageEdge, LogEntry
from memos.operation.search import Hit

__all__ = [
    "AsyncMemory",
    "Busy",
    "Change",
    "Conflict",
    "Damaged",
    "Denied",
    "Diff",
    "ErasureReceipt",
    "ExportReport",
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
    "Rebuilt",
    "Receipt",
    "Refused",
    "RefusedCube",
    "Rejection",
    "Rollback",
    "SignedCheckpoint",
    "Stats",
    "Sweep",
    "VaultError",
    "Verification",
    "doctor",
]
