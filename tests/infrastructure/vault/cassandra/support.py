"""Folded records for the vault's tests: several partitions, one clock, the kernel's own fold."""

from __future__ import annotations

from collections.abc import Sequence

from memos.infrastructure.cassandra.connection import CassandraSession, Row
from memos.infrastructure.vault.cassandra.tables import GENERATION
from memos.infrastructure.vault.cassandra.writer import FOLD, CassandraVaultWriter
from memos.infrastructure.vault.folded import Folded
from memos.kernel.cube import CubeState
from memos.kernel.event import Kind, Position, Record
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.moment import next_ordinal
from memos.kernel.outcome import UNDECODABLE
from memos.kernel.state import state_to_bytes
from memos.wire.event_pb2 import Event
from tests.kernel.builders import TIME, event, sealed

TABLES = tuple(table.split(maxsplit=1)[0] for table in GENERATION)


class Log:
    """Folds events in the order given, at the next offset of the partition named."""

    def __init__(self) -> None:
        self._states: dict[bytes, CubeState | None] = {}
        self._keyed = KeyedFold()
        self._ends: dict[int, int] = {}
        self._ordinals: dict[int, int] = {}
        self._time = TIME + 50_000_000_000_000

    def take(self, *events: Event, partition: int = 0) -> list[Folded]:
        return [self._fold(each, each.SerializeToString(), partition) for each in events]

    def take_damaged(self, data: bytes, partition: int = 0) -> Folded:
        return self._fold(None, data, partition)

    def _fold(self, event: Event | None, data: bytes, partition: int) -> Folded:
        offset = self._ends.get(partition, 0)
        self._ends[partition] = offset + 1
        self._time += 1700
        previous = self._ordinals.get(partition, -1)
        ordinal = self._ordinals[partition] = next_ordinal(previous, partition, self._time)
        record = Record(Position(partition, offset), self._time, data)
        if event is None:
            return Folded(record, ordinal, None, None, None, UNDECODABLE)
        state, outcome, caused = self._keyed.fold(self._states.get(event.cube_id), event)
        self._states[event.cube_id] = state
        ids = tuple(each.event_id for each in caused)
        stored = None if state is None else state_to_bytes(state)
        return Folded(record, ordinal, event, state, stored, outcome, ids)


def memory(number: int, cube: int, box: bytes = b"") -> Event:
    """A new memory of one subject and one source."""
    made = sealed(event(Kind.GENERATED, number, cube), box=box)
    made.generated.form = 1  # type: ignore[assignment]
    made.subject_digests.append(b"u" * 16)
    made.source_digests.append(b"s" * 16)
    return made


def revision(number: int, cube: int) -> Event:
    return sealed(event(Kind.REVISED, number, cube))


def write(writer: CassandraVaultWriter, batch: Sequence[Folded]) -> None:
    """All stages of one batch."""
    writer.write_records(batch)
    writer.write_heads(batch)
    write_checkpoint(writer, batch[-1])


def write_checkpoint(writer: CassandraVaultWriter, last: Folded) -> None:
    partition, offset = last.record.position
    writer.write_checkpoint(FOLD, partition, offset + 1, last.ordinal, last.record.log_time)


def contents(store: CassandraSession, keyspace: str) -> dict[str, list[Row]]:
    """Every row of every table."""
    return {
        table: sorted(store.execute(f"SELECT * FROM {keyspace}.{table}"), key=repr)
        for table in TABLES
    }
