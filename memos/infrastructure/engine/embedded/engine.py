"""The embedded engine: log, vault, index and keys in one directory, one transaction.

The life of a write ends here: the log appends the event, the fold decides what it means, and the
projections change in the same durable transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.commit import Committed, Draft, Purged
from memos.infrastructure.engine.dense import Divide
from memos.infrastructure.engine.embedded import audit as auditing
from memos.infrastructure.engine.embedded import proofs as tree
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE, check_format, create_vault
from memos.infrastructure.engine.embedded.dense import Embedding
from memos.infrastructure.engine.embedded.erasure import are_gone
from memos.infrastructure.engine.embedded.projector import Projector
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.governance.usage.sqlite import fold_accesses, forget_usage, usage_digest
from memos.infrastructure.index.models.embedders.port import Embedder
from memos.infrastructure.index.projection import Analyse
from memos.infrastructure.index.sqlite.index import EmbeddedIndex
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.keys.sqlite.cube_keys import CubeKeys
from memos.infrastructure.keys.sqlite.key_store import KeyStore
from memos.infrastructure.log.sqlite import PARTITION, SqliteLog
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.reports import Figures, Rebuilt, TreeHead, Verification
from memos.infrastructure.sqlite.database import Database, explained, row
from memos.infrastructure.vault.sqlite.reader import SqliteVault
from memos.infrastructure.vault.sqlite.writer import SqliteVaultWriter
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
        self.keys = KeyStore(directory)
        writer = self.database.writer
        self.log = SqliteLog(writer, self.database.reader, clock)
        self.cube_keys = CubeKeys(writer, self.keys)
        self.index = EmbeddedIndex(writer, self.database.reader)
        self.vault_writer = SqliteVaultWriter(writer)
        self.projector = Projector(
            writer, self.vault_writer, self.index, self.cube_keys, self.keys, analyse, self.settle
        )
        self._states: dict[bytes, CubeState | None] = {}
        self.database.on_begin = self._begin
        self.database.before_commit = self.flush
        self.database.on_rollback = self.cube_keys.forget

    def write(self, work: Callable[[EmbeddedEngine], T]) -> T:
        """Run `work` in the durable write transaction; inside it, use `append` and `head`."""
        return self.database.write(lambda: work(self))

    # The ports of this engine.
    @property
    def writer(self) -> Self:
        return self

    @property
    def proofs(self) -> Self:
        return self

    @property
    def maintenance(self) -> Self:
        return self

    @property
    def erasure(self) -> Self:
        return self

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
            self.cube_keys.add(event.cube_id, event.tenant, event.subject_digests, draft.cube_key)
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
            self.cube_keys.add(event.cube_id, event.tenant, event.subject_digests, cube_key)
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
            state = SqliteVault(self.database.writer).head(cube_id)
            self._states[cube_id] = state
            return state

    def flush(self) -> None:
        """Write everything collected, inside the write transaction."""
        self.log.flush()
        self.cube_keys.flush()
        self.projector.flush(self.log.size)

    def settle(self) -> None:
        """Write what is collected of log, keys and vault, so that it can be read back."""
        self.log.flush()
        self.cube_keys.flush()
        self.vault_writer.flush(self.log.size)

    @contextmanager
    def read(self) -> Iterator[EmbeddedReader]:
        """Everything read inside is of one moment."""
        with self.database.reading() as connection:
            yield EmbeddedReader(connection, self.cube_keys, self.index)

    def reader(self) -> EmbeddedReader:
        """Reader inside the write transaction, with what it has written so far."""
        self.settle()
        return EmbeddedReader(self.database.writer, self.cube_keys, self.index)

    def stream(self) -> EmbeddedReader:
        return EmbeddedReader(self.database.reader(), self.cube_keys, self.index)

    def name_cut(self, draft: Draft) -> Committed:
        draft.event.cut_named.positions.add(partition=PARTITION, offset=self.log.size)
        return self.append(draft)

    def wait_for(self, position: Position, seconds: float) -> None:
        with self.read() as reader:
            if reader.moment_of(position) is None:
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

    def unfinished(self) -> list[bytes]:
        with self.read() as reader:
            return reader.vault.erasing()

    def are_gone(self, cube_ids: Sequence[bytes]) -> bool:
        with self.read() as reader:
            return are_gone(reader.connection, cube_ids)

    def confirm(self) -> bool:
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
        return NoteSigner(self.origin, self.keys.signing_key())

    def setting(self, name: str) -> str:
        with self.read() as reader:
            sql = "SELECT value FROM setting WHERE name = ?"
            found = row(reader.connection, sql, (name,))
        return "" if found is None else str(found[0])

    def verify(self, progress: Progress = no_progress) -> Verification:
        return auditing.verify(self, progress)

    def audit(self, progress: Progress = no_progress) -> Verification:
        return auditing.audit(self, progress)

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        return auditing.rebuild(self, progress)

    def digest(self) -> str:
        with self.read() as reader:
            return auditing.digest(reader.vault)

    def usage_digest(self) -> str:
        with self.read() as reader:
            return usage_digest(reader.connection)

    def figures(self) -> Figures:
        with self.read() as reader:
            return tree.figures(reader.connection, self.directory)

    def sign(self, partition: int = PARTITION) -> TreeHead:
        return self.write(
            lambda engine: tree.sign(engine.reader().connection, engine.origin, engine.signer())
        )

    def leaf(self, position: Position) -> bytes:
        with self.read() as reader:
            return tree.leaf(reader.connection, position)

    def inclusion(self, position: Position, size: int) -> list[bytes]:
        with self.read() as reader:
            return tree.inclusion(reader.connection, position, size)

    def consistency(self, partition: int, old_size: int, size: int) -> list[bytes]:
        with self.read() as reader:
            return tree.consistency(reader.connection, old_size, size)

    def dense(self, embedder: Embedder, divide: Divide) -> Embedding:
        return Embedding(self, embedder, divide)

    def close(self) -> None:
        """Finish what is being written and close every file."""
        self.database.close()
        self.keys.close()
        self.cube_keys.forget()

    def _begin(self) -> None:
        self._states = {}
        self.log.begin()
        self.cube_keys.begin()
        self.projector.begin()
