"""The embedded engine: log, vault, index and keys in one directory, one transaction.

The life of a write ends here: the log appends the event, the fold decides what it means, and the
projections change in the same durable transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from memos.infrastructure import audit as auditing
from memos.infrastructure import embedded_tree as tree
from memos.infrastructure.commit import Committed, Draft, Purged
from memos.infrastructure.database import Database, explained, row
from memos.infrastructure.embedded_creation import DATABASE_FILE, check_format, create_vault
from memos.infrastructure.embedded_erasing import are_gone
from memos.infrastructure.embedded_reading import EmbeddedReading
from memos.infrastructure.governance.usage import fold_accesses, forget_usage, usage_digest
from memos.infrastructure.index.change import Analyse
from memos.infrastructure.index.dense import Divide
from memos.infrastructure.index.embedded import EmbeddedIndex
from memos.infrastructure.index.embedders.port import Embedder
from memos.infrastructure.index.embedding import Embedding
from memos.infrastructure.keys.cube_keys import CubeKeys
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.keys.store import KeyStore
from memos.infrastructure.log.sqlite import PARTITION, SqliteLog, system_time
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.projector import Projector
from memos.infrastructure.reports import Figures, Rebuilt, TreeHead, Verification
from memos.infrastructure.vault.read import VaultReader
from memos.infrastructure.vault.sqlite import VaultWriter
from memos.kernel.cube import CubeState
from memos.kernel.errors import NotApplied, VaultError
from memos.kernel.event import Position
from memos.kernel.fold import Result, fold
from memos.wire.access_pb2 import AccessEvent
from memos.wire.event_pb2 import Event

T = TypeVar("T")

REPLAY_FLUSH = 2000
CONFIRM_SECONDS = 10.0


class EmbeddedEngine:
    """One directory: the whole memory of an embedded vault. Safe for threads and processes."""

    def __init__(
        self,
        directory: Path,
        analyse: Analyse,
        *,
        clock: Callable[[], int] = system_time,
        create: bool = True,
        creator: str = "",
    ) -> None:
        self.directory = directory
        if not (directory / DATABASE_FILE).exists():
            if not create:
                raise VaultError(f"there is no vault at {directory}")
            create_vault(directory, creator)
        self.database = Database(directory / DATABASE_FILE)
        self.clock = clock
        with explained(self.database.path):
            check_format(self.database)
        self.store = KeyStore(directory)
        writer = self.database.writer
        self.log = SqliteLog(writer, clock)
        self.keys = CubeKeys(writer, self.store)
        self.index = EmbeddedIndex(writer, self.database.reader)
        self.vault_writer = VaultWriter(writer)
        self.projector = Projector(
            writer, self.vault_writer, self.index, self.keys, self.store, analyse, self.settle
        )
        self._states: dict[bytes, CubeState | None] = {}
        self.database.on_begin = self._begin
        self.database.before_commit = self.flush
        self.database.on_rollback = self.keys.forget

    def write(self, work: Callable[[EmbeddedEngine], T]) -> T:
        """Run `work` in the durable write transaction; inside it, use `append` and `head`."""
        return self.database.write(lambda: work(self))

    def commit(self, drafts: Iterable[Draft]) -> list[Committed]:
        """Append drafts in order, in one durable transaction."""
        ready = list(drafts)
        return self.write(lambda engine: [engine.append(draft) for draft in ready])

    def commit_whole(
        self, drafts: Iterable[Draft], check: Callable[[Committed], None]
    ) -> list[Committed]:
        ready = list(drafts)

        def work(engine: EmbeddedEngine) -> list[Committed]:
            committed = [engine.append(draft) for draft in ready]
            for each in committed:
                check(each)  # raising undoes the transaction
            return committed

        return self.write(work)

    def append(self, draft: Draft) -> Committed:
        """Append one event inside the write transaction, fold it, and all that follows from it."""
        event = draft.event
        before = None if draft.is_new else self.head(event.cube_id)
        after, outcome, consequences = fold(before, event)
        position = Position(PARTITION, self.log.add(event.SerializeToString()))
        if draft.cube_key is not None and before is None and outcome.result is Result.ACCEPTED:
            self.keys.add(event.cube_id, event.tenant, event.subject_digests, draft.cube_key)
        log_time = self.log.log_time
        self.projector.project(position, log_time, event, before, after, outcome, draft.body)
        self._states[event.cube_id] = after
        followed = tuple(self.append(Draft(follower)) for follower in consequences)
        return Committed(event, position, log_time, outcome, after, followed)

    def replay(self, data: bytes, event: Event, log_time: int, cube_key: bytes | None) -> Committed:
        """Append one record of another log, byte for byte, inside the write transaction.

        What followed from it is not appended: it stands in that log as records of its own.
        """
        before = self.head(event.cube_id)
        after, outcome, _ = fold(before, event)
        position = Position(PARTITION, self.log.add(data, log_time))
        if cube_key is not None and before is None and outcome.result is Result.ACCEPTED:
            self.keys.add(event.cube_id, event.tenant, event.subject_digests, cube_key)
        self.projector.project(position, log_time, event, before, after, outcome)
        self._states[event.cube_id] = after
        if not self.log.size % REPLAY_FLUSH:
            self.flush()
            self._states.clear()
        return Committed(event, position, log_time, outcome, after)

    def head(self, cube_id: bytes) -> CubeState | None:
        """A cube as the write transaction sees it."""
        try:
            return self._states[cube_id]
        except KeyError:
            state = VaultReader(self.database.writer).head(cube_id)
            self._states[cube_id] = state
            return state

    def flush(self) -> None:
        """Write everything collected, inside the write transaction."""
        self.log.flush()
        self.keys.flush()
        self.projector.flush(self.log.size)

    def settle(self) -> None:
        """Write what is collected of log, keys and vault, so that it can be read back."""
        self.log.flush()
        self.keys.flush()
        self.vault_writer.flush(self.log.size)

    @contextmanager
    def reading(self) -> Iterator[EmbeddedReading]:
        """Everything read inside is of one moment."""
        with self.database.reading() as connection:
            yield EmbeddedReading(connection, self.keys, self.index)

    def written(self) -> EmbeddedReading:
        """Reading inside the write transaction, with what it has written so far."""
        self.settle()
        return EmbeddedReading(self.database.writer, self.keys, self.index)

    def streaming(self) -> EmbeddedReading:
        return EmbeddedReading(self.database.reader(), self.keys, self.index)

    def name_cut(self, draft: Draft) -> Committed:
        draft.event.cut_named.positions.add(partition=PARTITION, offset=self.log.size)
        return self.append(draft)

    def wait_for(self, position: Position, seconds: float) -> None:
        with self.reading() as reading:
            if reading.moment_of(position) is None:
                raise NotApplied(
                    f"the log of {self.name} ends before {position}: the token is of another vault"
                )

    def append_accesses(self, accesses: Sequence[AccessEvent]) -> None:
        self.write(
            lambda engine: fold_accesses(engine.database.writer, engine.log.log_time, accesses)
        )

    def begin_erasure(self, operation_id: bytes, tenant: str, cube_ids: Sequence[bytes]) -> None:
        """One transaction destroys, counts and keeps the receipt."""

    def purge(self, operation_id: bytes, cube_ids: Sequence[bytes]) -> Purged:
        forget_usage(self.database.writer, cube_ids)
        self.flush()
        return self.projector.purged

    def erasure_receipt(self, operation_id: bytes) -> str | None:
        sql = "SELECT receipt FROM erasure WHERE operation_id = ?"
        found = row(self.database.writer, sql, (operation_id,))
        return None if found is None else str(found[0])

    def keep_erasure_receipt(self, operation_id: bytes, receipt: str) -> str:
        self.database.writer.execute("INSERT INTO erasure VALUES (?, ?)", (operation_id, receipt))
        return receipt

    def unfinished_erasures(self) -> list[bytes]:
        with self.reading() as reading:
            return reading.vault.erasing()

    def are_gone(self, cube_ids: Sequence[bytes]) -> bool:
        with self.reading() as reading:
            return are_gone(reading.connection, cube_ids)

    def confirm_erased(self) -> bool:
        """Overwrite what the write-ahead log still holds; wait for readers that keep it."""
        until = time.monotonic() + CONFIRM_SECONDS
        while not self.database.checkpoint_wal():
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    @property
    def name(self) -> str:
        return str(self.directory)

    @property
    def origin(self) -> str:
        return f"memos/{self.setting('vault_id')}"

    def signer(self) -> NoteSigner:
        return NoteSigner(self.origin, self.store.signing_key())

    def setting(self, name: str) -> str:
        with self.reading() as reading:
            sql = "SELECT value FROM setting WHERE name = ?"
            found = row(reading.connection, sql, (name,))
        return "" if found is None else str(found[0])

    def verify(self, progress: Progress = no_progress) -> Verification:
        return auditing.verify(self, progress)

    def audit(self, progress: Progress = no_progress) -> Verification:
        return auditing.audit(self, progress)

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        return auditing.rebuild(self, progress)

    def digest(self) -> str:
        with self.reading() as reading:
            return auditing.digest(reading.vault)

    def usage_digest(self) -> str:
        with self.reading() as reading:
            return usage_digest(reading.connection)

    def figures(self) -> Figures:
        with self.reading() as reading:
            return tree.figures(reading.connection, self.directory)

    def sign_tree(self, partition: int = PARTITION) -> TreeHead:
        return self.write(
            lambda engine: tree.sign(engine.written().connection, engine.origin, engine.signer())
        )

    def leaf(self, position: Position) -> bytes:
        with self.reading() as reading:
            return tree.leaf(reading.connection, position)

    def inclusion(self, position: Position, size: int) -> list[bytes]:
        with self.reading() as reading:
            return tree.inclusion(reading.connection, position, size)

    def consistency(self, partition: int, old_size: int, size: int) -> list[bytes]:
        with self.reading() as reading:
            return tree.consistency(reading.connection, old_size, size)

    def embed_with(self, embedder: Embedder, divide: Divide) -> Embedding:
        return Embedding(self, embedder, divide)

    def close(self) -> None:
        """Finish what is being written and close every file."""
        self.database.close()
        self.store.close()
        self.keys.forget()

    def _begin(self) -> None:
        self._states = {}
        self.log.begin()
        self.keys.begin()
        self.projector.begin()
