"""One table: the status of each error that MemOS raises, and the last part of its problem's type."""

from __future__ import annotations

from collections.abc import Mapping

from memos.kernel import errors
from memos.kernel.errors import MemosError

STATUSES: Mapping[type[MemosError], tuple[int, str]] = {
    MemosError: (500, "failed"),
    errors.InvalidInput: (422, "invalid-input"),
    errors.NotFound: (404, "not-found"),
    errors.Conflict: (412, "conflict"),
    errors.Denied: (403, "denied"),
    errors.Unauthenticated: (401, "unauthenticated"),
    errors.IllegalMove: (409, "illegal-move"),
    errors.Held: (409, "held"),
    errors.SourceErased: (409, "source-erased"),
    errors.OtherContent: (422, "other-content"),
    errors.AlreadyErased: (410, "already-erased"),
    errors.VaultError: (500, "vault-error"),
    errors.ReadOnly: (403, "read-only"),
    errors.Busy: (503, "busy"),
    errors.EraseUnfinished: (503, "erase-unfinished"),
    errors.PartlyDone: (409, "partly-done"),
    errors.DiskFull: (507, "disk-full"),
    errors.Damaged: (500, "damaged"),
    errors.Unreadable: (500, "unreadable"),
    errors.KeysMissing: (500, "keys-missing"),
    errors.StoreUnavailable: (503, "store-unavailable"),
    errors.LogUnavailable: (503, "log-unavailable"),
    errors.Unacknowledged: (503, "unacknowledged"),
    errors.NotApplied: (202, "not-applied"),
    errors.SubjectErased: (410, "subject-erased"),
    errors.PartitionsChanged: (500, "partitions-changed"),
    errors.LogLost: (500, "log-lost"),
    errors.ProjectionsLost: (500, "projections-lost"),
    errors.WrongRootKey: (500, "wrong-root-key"),
    errors.IndexUnavailable: (503, "index-unavailable"),
    errors.Refused: (422, "refused"),
    errors.EmbeddingFailed: (503, "embedding-failed"),
    errors.EmbedderUnavailable: (503, "embedder-unavailable"),
    errors.RerankFailed: (503, "rerank-failed"),
    errors.ModelUnavailable: (503, "model-unavailable"),
    errors.TeacherUnavailable: (503, "teacher-unavailable"),
    errors.DistillationRefused: (422, "distillation-refused"),
}
"""Status and type of each error; one that is not named has those of the nearest class that it is of."""


def status_of(error: MemosError) -> tuple[int, str]:
    """The status of an error, and the last part of its type."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
