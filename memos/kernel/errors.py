"""What MemOS raises. Each message names what could not be done, why, and what to do."""

from __future__ import annotations


class MemosError(Exception):
    """The root of every error that MemOS raises on purpose."""


class InvalidInput(MemosError, ValueError):
    """An argument does not fit; nothing was written."""


class NotFound(MemosError, KeyError):
    """There is no such cube, version, cut or event at the position that was asked for."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class Conflict(MemosError):
    """The cube has moved on since the caller read it. `current_version` is where it is now."""

    def __init__(self, message: str, current_version: int) -> None:
        super().__init__(message)
        self.current_version = current_version


class Denied(MemosError, PermissionError):
    """Governance refused. `rule` names the rule that did."""

    def __init__(self, message: str, rule: str) -> None:
        super().__init__(message)
        self.rule = rule


class Unauthenticated(MemosError):
    """An API key is malformed, unknown, expired or revoked: nobody knows who asks. Nothing was done."""


class IllegalMove(MemosError):
    """The cube's state does not allow this operation."""


class Held(IllegalMove):
    """The cube is frozen (a legal hold). `cube_ids` are those that are held."""

    def __init__(self, message: str, cube_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.cube_ids = cube_ids


class SourceErased(IllegalMove):
    """What a memory was to be made of, or linked to, is erased or being erased; nothing was written.
    `cube_ids` are those sources.
    """

    def __init__(self, message: str, cube_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.cube_ids = cube_ids


class OtherContent(MemosError):
    """The idempotency key was used before, for other content."""


class AlreadyErased(IllegalMove):
    """What the idempotency key stored was erased since: nothing was stored. A fresh key stores it."""


class VaultError(MemosError):
    """The vault cannot be opened, read or written as it is."""


class ReadOnly(VaultError):
    """The vault is open for reading, or can only be read; nothing was written."""

    @classmethod
    def of(cls, name: str) -> ReadOnly:
        """The error of a write to the vault of this name."""
        return cls(
            f"{name} is open for reading only, and nothing was written: open it for writing, as one who "
            "may write there"
        )


class Busy(VaultError):
    """Another process held the vault's write lock for too long; the write was not done."""


class EraseUnfinished(VaultError):
    """An erase has begun and was stopped before its end; `operation_id` is its operation. It cannot
    be withdrawn: it goes on when it is asked for again, or the vault is opened next.
    """

    def __init__(self, message: str, operation_id: str) -> None:
        super().__init__(message)
        self.operation_id = operation_id


class PartlyDone(VaultError):
    """Of a change of several memories a part is done, and stays: `done` and `left` are their ids, and a
    rollback of `operation_id` undoes it. Only on servers, where no append spans all of them.
    """

    def __init__(
        self, message: str, done: tuple[str, ...], left: tuple[str, ...], operation_id: str
    ) -> None:
        super().__init__(message)
        self.done = done
        self.left = left
        self.operation_id = operation_id


class DiskFull(VaultError):
    """The disk that holds the vault is full; nothing was written. Free space, then try again."""


class Damaged(VaultError):
    """Stored bytes are not what was written. `memos verify` names what is still good."""


class Unreadable(Damaged):
    """Sealed bytes open, and hold a value that no release of MemOS writes. Only their own memory is
    concerned: it can be erased, and rolled back to a version before.
    """


class KeysMissing(Damaged):
    """A memory that nobody erased has no key: the key file, or a row of keys, is lost or an older
    one. Nothing is gone for good while a backup has it; the message says what to put back.
    """


class StoreUnavailable(VaultError):
    """The store of a distributed vault does not answer; the message names its servers. What was
    not confirmed may have been done or not: doing it again is safe.
    """


class LogUnavailable(VaultError):
    """The log's server could not be reached or refused; nothing of the write was appended."""


class Unacknowledged(LogUnavailable):
    """The log's server did not acknowledge: the write may have been appended, in part or whole.

    To repeat it is safe with the same idempotency key.
    """


class NotApplied(VaultError):
    """A write is durable, and cannot be read yet. Doing it again would do it twice, unless it carries
    an idempotency key. `cube_ids` are those of what was written, `positions` where the log has it:
    `wait_for` takes each.
    """

    def __init__(
        self, message: str, cube_ids: tuple[str, ...] = (), positions: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.cube_ids = cube_ids
        self.positions = positions


class SubjectErased(VaultError):
    """On servers: the subject of new memories was erased while these were written, and their texts went
    along. `cube_ids` are theirs; whoever still may keep the texts adds them anew, under a fresh key.
    """

    def __init__(self, message: str, cube_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.cube_ids = cube_ids


class PartitionsChanged(VaultError):
    """The log has another number of partitions than when the vault was made."""


class LogLost(VaultError):
    """The log is not the one that the vault was made with, or ends before what was acknowledged."""


class ProjectionsLost(VaultError):
    """What is folded of the log is not there; the log is."""


class WrongRootKey(VaultError):
    """The root key is not the one under which the vault's keys are wrapped."""


class IndexUnavailable(VaultError):
    """A server that search runs on did not answer, or not as asked; what is remembered is safe."""


class Refused(MemosError):
    """Foreign data was refused whole; nothing of it was taken."""


class EmbeddingFailed(MemosError):
    """An embedder is missing, did not answer, or gave no vectors. Memories are never affected."""


class EmbedderUnavailable(EmbeddingFailed):
    """An embedder cannot be reached, or has too much to do: it is the same for every text."""


class RerankFailed(MemosError):
    """A reranker is missing, did not answer, or gave no scores. Search does without it."""


class ModelUnavailable(MemosError):
    """A model that is to answer is missing, cannot be reached, or failed. Memories are never affected."""


class TeacherUnavailable(ModelUnavailable):
    """The teacher that a distillation names is not at hand, cannot be reached, or failed. Nothing is left of the
    distillation.
    """


class DistillationRefused(MemosError):
    """Memories cannot be distilled into an adapter: nothing in them can be asked about, they contradict each
    other, or training broke down. Memories are never affected. `cube_ids` are those that it is about, where
    it is not about all of them.
    """

    def __init__(self, message: str, cube_ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.cube_ids = cube_ids


def shorten(value: object, length: int = 60) -> str:
    """A value for an error message, in ASCII; long ones are cut."""
    try:
        shown = ascii(value)
    except Exception:  # noqa: BLE001 - too deep, too many digits, or whatever a caller's raises
        shown = f"a value of type {type(value).__name__}"
    return shown if len(shown) <= length else f"{shown[:length]}…"
