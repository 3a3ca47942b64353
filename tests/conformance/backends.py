"""The backends that every contract runs on: each opens a fresh, empty store in a directory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.index.cassandra.index import CassandraIndex
from memos.infrastructure.index.cassandra.rows import ErasedCube
from memos.infrastructure.index.port import IndexReader, SpanChange
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.port import Cut, EventLog
from memos.infrastructure.log.sqlite import SqliteLog
from memos.infrastructure.sqlite.database import Database
from memos.infrastructure.vault.cassandra.tables import GENERATION
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import CassandraVaultWriter
from memos.infrastructure.vault.folded import Folded
from memos.infrastructure.vault.port import Vault
from memos.infrastructure.vault.sqlite.reader import SqliteVault
from memos.infrastructure.vault.sqlite.writer import SqliteVaultWriter
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.event import Position, Record
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.scope import tenant_of
from memos.kernel.state import state_to_bytes
from memos.wire.event_pb2 import Event
from tests.infrastructure.cassandra_vault import Keyspaces
from tests.infrastructure.index.cassandra.support import MINUTE
from tests.infrastructure.index.cassandra.worker import PARTITIONS, Worker
from tests.infrastructure.index.sqlite.support import Vault as SqliteIndexFile


class CommittedLog(EventLog):
    """An embedded log alone in its file, each append in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = SqliteLog(database.writer, database.reader)
        database.on_begin, database.before_commit = self._log.begin, self._log.flush

    def append(self, entries: Sequence[tuple[bytes, bytes]]) -> list[Record]:
        return self._database.write(lambda: self._log.append(entries))

    def end(self) -> Cut:
        return self._log.end()

    def read(self, partition: int, start: int = 0, end: int | None = None) -> Iterator[Record]:
        return self._log.read(partition, start, end)


class IndexStore(NamedTuple):
    """An index: `write` logs changes in order, each behind all before it, and gives their moments;
    `erase` ends the cube of a change for good; `reader` gives views.
    """

    write: Callable[[Sequence[SpanChange]], list[int]]
    erase: Callable[[SpanChange], None]
    reader: IndexReader


class VaultStore(NamedTuple):
    """A vault: `take` folds events at the next offsets and writes them; `reader` reads."""

    take: Callable[[Sequence[Event]], list[Position]]
    reader: Vault


@contextmanager
def sqlite_log(directory: Path) -> Iterator[EventLog]:
    """The log of an embedded vault, alone in its file."""
    path = directory / "log.db"
    fresh = not path.exists()
    database = Database(path, create=True)
    if fresh:
        database.write(lambda: SqliteLog.create(database.writer))
    yield CommittedLog(database)
    database.close()


@contextmanager
def kafka_log(settings: KafkaSettings) -> Iterator[EventLog]:
    """The event log of a distributed vault; its topics are there."""
    with KafkaLogs(settings) as logs:
        yield logs.events


@contextmanager
def sqlite_vault(directory: Path) -> Iterator[VaultStore]:
    """The vault of the embedded engine, alone in its file."""
    database = Database(directory / "vault.db", create=True)
    writer = SqliteVaultWriter(database.writer)
    database.write(lambda: SqliteVaultWriter.create(database.writer))
    reader = SqliteVault(database.reader())

    def take(events: Sequence[Event]) -> list[Position]:
        def work() -> list[Position]:
            positions: list[Position] = []
            for event in events:
                position = Position(0, reader.folded_size() + len(positions))
                state, outcome, _ = keyed.fold(heads.get(event.cube_id), event)
                heads[event.cube_id] = state
                writer.write(position, position.offset * 10, event, state, outcome)
                positions.append(position)
            writer.flush(positions[-1].offset + 1)
            return positions

        return database.write(work)

    heads: dict[bytes, CubeState | None] = {}
    keyed = KeyedFold()
    yield VaultStore(take, reader)
    database.close()


@contextmanager
def cassandra_vault(store: CassandraSession) -> Iterator[VaultStore]:
    """The vault of a distributed engine: the live generation, emptied. Its moments are offsets."""
    writer, reader = CassandraVaultWriter(store), CassandraVault(store)
    for table in GENERATION:
        store.define(f"TRUNCATE {writer.keyspace}.{table.split(maxsplit=1)[0]}")

    def take(events: Sequence[Event]) -> list[Position]:
        start = reader.folded_size()
        batch = []
        for offset, event in enumerate(events, start):
            state, outcome, caused = keyed.fold(heads.get(event.cube_id), event)
            heads[event.cube_id] = state
            record = Record(Position(0, offset), offset * 10, event.SerializeToString())
            ids = tuple(event.event_id for event in caused)
            stored = None if state is None else state_to_bytes(state)
            batch.append(Folded(record, offset, event, state, stored, outcome, ids))
        writer.write_records(batch)
        writer.write_heads(batch)
        last = batch[-1]
        end = last.record.position.offset + 1
        writer.write_checkpoint("fold", 0, end, last.ordinal, last.record.log_time)
        return [folded.record.position for folded in batch]

    heads: dict[bytes, CubeState | None] = {}
    keyed = KeyedFold()
    yield VaultStore(take, reader)


def sqlite_index(directory: Path) -> IndexStore:
    """The embedded index, alone in its file."""
    vault = SqliteIndexFile(directory / "index.db")
    count = itertools.count()

    def write(changes: Sequence[SpanChange]) -> list[int]:
        placed = [change._replace(offset=next(count)) for change in changes]
        vault.apply(*placed)
        return [change.offset for change in placed]

    def erase(change: SpanChange) -> None:
        with vault.connection:
            vault.index.purge([change.cube_id])

    return IndexStore(write, erase, vault.index)


def cassandra_index(vault: Keyspaces) -> IndexStore:
    """The index of a distributed engine: the live generation's change log, emptied."""
    worker = Worker(vault)

    def write(changes: Sequence[SpanChange]) -> list[int]:
        moments = []
        for change in changes:
            worker.log.time += MINUTE
            logged = worker.log.append(change.cube_id[-1] % PARTITIONS, change)
            moments.append(logged.change.offset)
        worker.work()
        return moments

    def erase(change: SpanChange) -> None:
        (ordinal,) = write([change._replace(state=Lifecycle.ERASED)])
        worker.table.purge([ErasedCube(change.cube_id, tenant_of(change.scope), ordinal)])

    return IndexStore(write, erase, CassandraIndex(worker.table))
