"""The fold of a partition: what it must know of events under keys, it reads where it is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from memos.infrastructure.engine.distributed.workers.fold import PartitionFold, mark_of
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra.tables import BUCKET
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD, CassandraVaultWriter
from memos.kernel.event import Position, Record
from memos.kernel.outcome import Reason, Result
from memos.wire.event_pb2 import Event
from tests.infrastructure.cassandra_vault import Keyspaces, keyspaces
from tests.infrastructure.vault.cassandra.support import memory, revision

pytestmark = pytest.mark.engines


@pytest.fixture
def empty(engines: LocalServers) -> Iterator[Keyspaces]:
    with keyspaces(engines) as made:
        yield made


class Worker:
    """Folds records of one partition into Cassandra, as the worker does."""

    def __init__(self, store: Keyspaces) -> None:
        self.vault = CassandraVault(store.cassandra)
        self.writer = CassandraVaultWriter(store.cassandra)
        self.log: list[Record] = []
        self.restart()

    def restart(self) -> None:
        """Another process takes the partition over."""
        self.folding = PartitionFold(self.vault, mark_of(self.vault, FOLD, 0))

    def append(self, *events: Event) -> list[Record]:
        start = len(self.log)
        self.log += [
            Record(Position(0, offset), 1_000_000 + offset, event.SerializeToString())
            for offset, event in enumerate(events, start)
        ]
        return self.log[start:]

    def take(
        self, records: Sequence[Record], *, crash: bool = False
    ) -> list[tuple[Result, Reason]]:
        """Fold and store a batch; a crash leaves the rows of its records, and nothing else."""
        batch = self.folding.fold(records)
        self.writer.write_records(batch.folded)
        if not crash:
            self.writer.write_heads(batch.folded)
            self.writer.write_checkpoint(FOLD, 0, *batch.mark)
            self.folding.done(batch)
        return [(folded.outcome.result, folded.outcome.reason) for folded in batch.folded]


def under_a_key(event: Event, mac: bytes = b"mac") -> Event:
    event.idempotency_digest, event.command_mac = b"key", mac
    return event


ACCEPTED, DUPLICATE = (Result.ACCEPTED, Reason.NONE), (Result.DUPLICATE, Reason.NONE)
OTHER = (Result.REJECTED, Reason.OTHER_CONTENT)


def test_a_repeat_is_known_within_a_batch_in_a_later_one_and_by_another_process(
    empty: Keyspaces,
) -> None:
    worker = Worker(empty)
    made, changed = under_a_key(memory(1, 1)), under_a_key(revision(2, 1))
    assert worker.take(worker.append(made, changed, changed)) == [ACCEPTED, ACCEPTED, DUPLICATE]
    other = under_a_key(revision(2, 1), mac=b"other")
    assert worker.take(worker.append(other, made, revision(3, 1))) == [OTHER, DUPLICATE, ACCEPTED]
    worker.restart()
    assert worker.take(worker.append(changed, other)) == [DUPLICATE, OTHER]
    (state,) = worker.vault.heads_many([changed.cube_id]).values()
    assert (state.version, state.sequence) == (3, 8)


def test_a_batch_folded_again_after_a_crash_is_no_repeat_of_itself(empty: Keyspaces) -> None:
    worker = Worker(empty)
    worker.take(worker.append(under_a_key(memory(1, 1))))
    records = worker.append(under_a_key(revision(2, 1)), under_a_key(revision(3, 1)))
    assert worker.take(records, crash=True) == [ACCEPTED, ACCEPTED]
    worker.restart()
    assert worker.take(records) == [ACCEPTED, ACCEPTED]
    assert worker.take(worker.append(under_a_key(revision(3, 1)))) == [DUPLICATE]


def test_a_repeat_is_known_in_a_cube_of_many_records(empty: Keyspaces) -> None:
    worker = Worker(empty)
    keyed = under_a_key(revision(2, 1))
    changes = [revision(number, 1) for number in range(3, BUCKET + 5)]
    worker.take(worker.append(memory(1, 1), keyed, *changes))
    late = under_a_key(revision(BUCKET + 10, 1))
    assert worker.take(worker.append(keyed, late)) == [DUPLICATE, ACCEPTED]
    worker.restart()
    assert worker.take(worker.append(late, keyed)) == [DUPLICATE, DUPLICATE]
