"""The backends that every contract runs on: each opens a fresh, empty store in a directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.port import Cut
from memos.infrastructure.log.sqlite import SqliteLog, log_end, read_records
from memos.infrastructure.sqlite.database import Database
from memos.infrastructure.vault.cassandra.tables import GENERATION
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import CassandraVaultWriter
from memos.infrastructure.vault.folded import Folded
from memos.infrastructure.vault.port import Vault
from memos.infrastructure.vault.sqlite.reader import SqliteVault
from memos.infrastructure.vault.sqlite.writer import SqliteVaultWriter
from memos.kernel.cube import CubeState
from memos.kernel.event import Position, Record
from memos.kernel.fold import fold
from memos.kernel.state import state_to_bytes
from memos.wire.event_pb2 import Event


class LogStore(NamedTuple):
    """A log: durable `append`; `end` and `read` as in the port."""

    append: Callable[[Sequence[tuple[bytes, bytes]]], list[Record]]
    end: Callable[[], Cut]
    read: Callable[[int, int, int | None], Iterator[Record]]


class VaultStore(NamedTuple):
    """A vault: `take` folds events at the next offsets and writes them; `reader` reads."""

    take: Callable[[Sequence[Event]], list[Position]]
    reader: Vault


@contextmanager
def sqlite_log(directory: Path) -> Iterator[LogStore]:
    """The log of an embedded vault, alone in its file."""
    path = directory / "log.db"
    fresh = not path.exists()
    database = Database(path, create=True)
    log = SqliteLog(database.writer)
    if fresh:
        database.write(lambda: SqliteLog.create(database.writer))
    database.on_begin, database.before_commit = log.begin, log.flush

    def read(partition: int, start: int, end: int | None) -> Iterator[Record]:
        return read_records(database.reader(), start, end) if partition == 0 else iter(())

    yield LogStore(
        lambda entries: database.write(lambda: log.append(entries)),
        lambda: log_end(database.reader()),
        read,
    )
    database.close()


@contextmanager
def kafka_log(settings: KafkaSettings) -> Iterator[LogStore]:
    """The event log of a distributed vault; its topics are there."""
    with KafkaLogs(settings) as logs:
        yield LogStore(logs.events.append, logs.events.end, logs.events.read)


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
                state, outcome, _ = fold(heads.get(event.cube_id), event)
                heads[event.cube_id] = state
                writer.write(position, position.offset * 10, event, state, outcome)
                positions.append(position)
            writer.flush(positions[-1].offset + 1)
            return positions

        return database.write(work)

    heads: dict[bytes, CubeState | None] = {}
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
            state, outcome, caused = fold(heads.get(event.cube_id), event)
            heads[event.cube_id] = state
            record = Record(Position(0, offset), offset * 10, event.SerializeToString())
            ids = tuple(each.event_id for each in caused)
            stored = None if state is None else state_to_bytes(state)
            batch.append(Folded(record, offset, event, state, stored, outcome, ids))
        writer.write_records(batch)
        writer.write_heads(batch)
        last = batch[-1]
        end = last.record.position.offset + 1
        writer.write_checkpoint("fold", 0, end, last.ordinal, last.record.log_time)
        return [folded.record.position for folded in batch]

    heads: dict[bytes, CubeState | None] = {}
    yield VaultStore(take, reader)
