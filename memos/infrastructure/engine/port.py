"""What an engine is to everything above it: small ports, each with one conformance suite.

The suites are in `tests/conformance/engine/`: `test_writer.py`, `test_reader.py`, `test_proofs.py`,
`test_maintenance.py`, `test_erasure.py`, `test_dense.py` and `test_replay.py`.

`embedded/` and `distributed/` implement them under equal file names. Both fold the same events by the
same kernel; they differ in where the log, the vault and the index live, and in who folds: the
writer's own transaction, or a worker behind the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from memos.infrastructure.engine.appender import Appender, ListedErases
from memos.infrastructure.progress import Progress, no_progress

if TYPE_CHECKING:
    from memos.infrastructure.engine.commit import Committed, Draft, Purged
    from memos.infrastructure.engine.dense import DenseIndex
    from memos.infrastructure.engine.dump import Dumpable
    from memos.infrastructure.engine.migration import MigrationSource
    from memos.infrastructure.engine.reader import Reader
    from memos.infrastructure.engine.replay import Replay
    from memos.infrastructure.governance.query_texts.port import QueryTexts
    from memos.infrastructure.index.models.embedders.port import Embedder
    from memos.infrastructure.keys.port import KeyVault
    from memos.infrastructure.keys.signer import NoteSigner
    from memos.infrastructure.reports import (
        BackedUp,
        Figures,
        GenerationStatus,
        Rebuilt,
        RootRotated,
        TreeHead,
        Verification,
    )
    from memos.kernel.event import Position, Record
    from memos.wire.access_pb2 import AccessEvent

T = TypeVar("T")


class Transaction(Appender, Protocol):
    """A write of several events: append, and read what that led to."""

    def name_cut(self, draft: Draft) -> Committed:
        """Append a CutNamed event, its positions filled in with where the log ends now."""
        ...

    def begin_erasure(self, operation_id: bytes, tenant: str, cube_ids: Sequence[bytes]) -> None:
        """Before anything of cubes is destroyed: count what there is, and keep that."""
        ...

    def destroy_subject_keys(
        self, operation_id: bytes, tenant: str, unneeded: Callable[[Reader], set[bytes]]
    ) -> set[bytes]:
        """End the keys of those subjects for good that no memory needs which stays.

        Args:
            operation_id: of the erase that ends them.
            tenant: whose subjects they are.
            unneeded: the subjects, as a reader sees the vault. In a log of several partitions it is
                asked again for what was written meanwhile.

        Returns:
            The subjects that have no key now.
        """
        ...

    def purge(self, operation_id: bytes, cube_ids: Sequence[bytes]) -> Purged:
        """Remove every copy of the cubes that an operation erased: keys, texts, vectors, usage.

        Returns:
            What there was of them, also where a process that crashed had begun to remove it.
        """
        ...

    def forget_queries(self, cube_ids: Sequence[bytes], scope: str, erased: int) -> None:
        """Take away the texts of queries that returned one of some cubes, or searched some of a
        scope (empty for none), which were erased at a log time. One that was asked before, and still
        waits in some process, is not kept either.
        """
        ...

    def erasure_receipt(self, operation_id: bytes) -> str | None:
        """The receipt that was kept of an erase."""
        ...

    def keep_erasure_receipt(self, operation_id: bytes, receipt: str) -> str:
        """Keep the receipt of an erase; the one that is kept, where another was first."""
        ...

    def take_listed_erases(self, erase: Callable[[ListedErases], T]) -> T:
        """Give `erase` what the list of erases beside the keys names; nothing where there is no such
        list, or nothing new in it. The list counts as taken with this transaction, once `erase` comes
        back; what that returns.
        """
        ...


class Writer(Protocol):
    """Appends events, durably, and gives their outcomes."""

    def commit(self, drafts: Iterable[Draft]) -> list[Committed]:
        """Append drafts in order; the outcome of each."""
        ...

    def compose(self, cube_id: bytes, make: Callable[[Reader], Draft]) -> Committed:
        """Append a change of one cube that is made of what is there: `make` reads and composes it,
        and names the version that it read as the event's expected version.

        Embedded, it is made in the writer's own turn, and no one comes between; it may be made
        again, so it must have no effect. In a log of several partitions one thread of a process
        composes for a cube at a time, and another process can come first: a conflict.
        """
        ...

    def commit_whole(
        self, drafts: Iterable[Draft], check: Callable[[Committed], None]
    ) -> list[Committed]:
        """Append drafts that are one command; `check` raises at an outcome that must not be.

        Embedded, nothing of them is done then. In a log of several partitions no append spans all
        of them: there, what was accepted stays, and the error says so.
        """
        ...

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work`: several appends that belong together, and reads of what they led to.

        Embedded, what it raises undoes all of them, no one else writes meanwhile, and an interrupt
        of the caller before the commit undoes them too. In a log of several partitions each is done
        by itself: a crash or an interrupt between two leaves the first.
        """
        ...

    def wait_for(self, position: Position, seconds: float) -> None:
        """Wait until the record at a position can be read by get and found by its words.

        Raises:
            NotApplied: it cannot, in that time; the message says which worker is behind or dead.
        """
        ...

    def append_accesses(self, accesses: Sequence[AccessEvent]) -> None:
        """Append records to the access log; usage is folded from them."""
        ...


class Proofs(Protocol):
    """The log's Merkle trees, one a partition: signed heads, and proofs against them."""

    def signer(self) -> NoteSigner:
        """Signs this vault's checkpoints and receipts."""
        ...

    def sign(self, partition: int = 0) -> TreeHead:
        """Sign a partition of the log as it is now."""
        ...

    def record(self, position: Position) -> Record:
        """The record at a position, as its leaf has it: with these bytes and this log time."""
        ...

    def inclusion(self, position: Position, size: int) -> list[bytes]:
        """The RFC 6962 path from a record to the root of the tree of `size` records."""
        ...

    def consistency(self, partition: int, old_size: int, size: int) -> list[bytes]:
        """The RFC 6962 proof that the tree of `size` records extends that of `old_size`."""
        ...


class Maintenance(Protocol):
    """Checks, rebuilding and figures of the whole vault."""

    def verify(self, progress: Progress = no_progress) -> Verification:
        """Check the log against its hashes, trees and signed checkpoints, and every head."""
        ...

    def audit(self, progress: Progress = no_progress) -> Verification:
        """What `verify` checks, and every cube folded again from the log and compared."""
        ...

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        """Fold the log again into projections that take the place of those there."""
        ...

    def generations(self) -> tuple[GenerationStatus, ...]:
        """The generations of the projections; none where a rebuild replaces them in place."""
        ...

    def remove_generations(self, *, outlived: bool) -> tuple[GenerationStatus, ...]:
        """Remove those that a rebuild replaced, or that were left over; those that were removed.

        Args:
            outlived: only those that have been so for longer than the settings keep them.

        Raises:
            VaultError: a rebuild is under way, which removed them when it began.
        """
        ...

    def rotate_root_key(
        self, offered: Path | None, actor: str, progress: Progress = no_progress
    ) -> RootRotated:
        """Wrap all that the root key wraps under another one, which takes its place; or finish that,
        where an earlier call was cut off.

        Args:
            offered: a file with the new root key; by default one is made.
            actor: who asks for it.
            progress: told (done, total) of the keys.

        Raises:
            InvalidInput: what is offered cannot be the new root key.
            VaultError: the new root key cannot be written, or another process rotates it.
        """
        ...

    def backup(
        self, directory: Path, keys: Path | None, progress: Progress = no_progress
    ) -> BackedUp:
        """Copy the vault as it is at one moment, while it is used, and verify the copy.

        Args:
            directory: where to: a new directory.
            keys: a new directory for the keys, apart from the rest; by default they are in the same.
            progress: told (done, total) of what is copied and checked.

        Raises:
            InvalidInput: a directory is not empty.
            Damaged: the copy is not what it should be, or the vault is not; no backup was made.
            VaultError: it cannot be written; or this engine's servers are what is to be backed up.
        """
        ...

    def digest(self) -> str:
        """SHA-256 over every cube in id order."""
        ...

    def usage_digest(self) -> str:
        """SHA-256 over how often and when last each cube was used."""
        ...

    def figures(self) -> Figures:
        """Counts of the vault."""
        ...

    def table_version(self) -> int | None:
        """The version of the tables; None where tables have none."""
        ...


class Erasure(Protocol):
    """What is left of erases: those that a crash cut off, and copies of what was erased."""

    def unfinished(self) -> list[bytes]:
        """The erase operations that were asked for and of which there is no receipt yet."""
        ...

    def are_gone(self, cube_ids: Sequence[bytes]) -> bool:
        """Look once more for keys, texts, vectors and usage of erased cubes; whether it is certain
        that the stores give none of them to anybody.
        """
        ...

    def is_behind_list(self) -> bool:
        """Whether the list of erases beside the keys may name what this vault still has: it is a copy
        from before them.
        """
        ...

    def complete_list(self) -> None:
        """Add to the list of erases what other machines have erased, where each has a list of its own.

        Raises:
            Damaged: the list cannot be read.
        """
        ...

    def confirm(self) -> bool:
        """Overwrite what files of the stores still hold of erased keys; whether that is certain."""
        ...


class Engine(Protocol):
    """The whole memory of a vault. Safe for threads; several processes may open one."""

    @property
    def name(self) -> str:
        """What an error calls the vault: its directory, or its settings file."""
        ...

    @property
    def origin(self) -> str:
        """The name under which the vault signs its checkpoints."""
        ...

    @property
    def keys(self) -> KeyVault:
        """Tenants' and subjects' keys."""
        ...

    @property
    def queries(self) -> QueryTexts:
        """The texts of queries, where the vault keeps them."""
        ...

    @property
    def writer(self) -> Writer: ...

    @property
    def proofs(self) -> Proofs: ...

    @property
    def maintenance(self) -> Maintenance: ...

    @property
    def erasure(self) -> Erasure: ...

    def read(self) -> AbstractContextManager[Reader]:
        """Everything read inside is of one moment, as far as the engine can tell."""
        ...

    def stream(self) -> AbstractContextManager[Reader]:
        """Reads that may go on for long: what is appended meanwhile may be seen."""
        ...

    def dense(self, embedder: Embedder) -> DenseIndex:
        """The dense side of the index, of one embedder; not yet started."""
        ...

    def setting(self, name: str) -> str:
        """A setting made when the vault was created; empty where there is none of that name."""
        ...

    def keep_setting(self, name: str, value: str) -> None:
        """Keep a setting that a vault in use changes."""
        ...

    def dump(self) -> AbstractContextManager[Dumpable]:
        """One moment of the vault, to be exported.

        Raises:
            NotApplied: the workers are not past where the log ends.
        """
        ...

    def departure(self) -> MigrationSource:
        """The vault as one that is moved away."""
        ...

    def replay(self, operation: str) -> Replay:
        """The vault as one that takes in the records of another log.

        Args:
            operation: what an error calls it that the caller wants to do.

        Raises:
            VaultError: this engine cannot.
        """
        ...

    def close(self) -> None:
        """Finish what is being written, and let go of everything."""
        ...
