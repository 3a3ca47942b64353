"""A worker that is paused, loses its partition and wakes: what it writes late changes nothing.

No lease stands between two workers of one partition. What the first had folded, the second folds to the
same rows; heads and marks carry the clock of what they are of, so an older one loses to a newer one.
"""

from __future__ import annotations

from itertools import chain

import pytest

from memos.infrastructure.engine.distributed.workers.fold import FoldBatch, PartitionFold, mark_of
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD, CassandraVaultWriter
from memos.kernel.event import Position, Record
from tests.infrastructure.cassandra_vault import Keyspaces, keyspaces
from tests.infrastructure.vault.cassandra.support import contents, memory, revision
from tests.replay.samples import freezes_and_holds, links_undone, long_life, tenants_own_cube

pytestmark = pytest.mark.engines

STEPS = ("records", "heads", "checkpoint")


class Worker:
    """One process that believes that the partition is its own."""

    def __init__(self, store: Keyspaces) -> None:
        cassandra = store.connect()
        self.vault, self.writer = CassandraVault(cassandra), CassandraVaultWriter(cassandra)
        self._close = cassandra.close
        self.folding = PartitionFold(self.vault, mark_of(self.vault, FOLD, 0))

    def write(self, batch: FoldBatch, *steps: str) -> None:
        """Some of the steps of `store_batch`, in its order."""
        if "records" in steps:
            self.writer.write_records(batch.folded)
        if "heads" in steps:
            self.writer.write_heads(batch.folded)
        if "checkpoint" in steps:
            self.writer.write_checkpoint(FOLD, 0, *batch.mark)
            self.folding.done(batch)

    def take(self, records: list[Record]) -> None:
        self.write(self.folding.fold(records), *STEPS)

    def close(self) -> None:
        self._close()


def history() -> list[Record]:
    """A log in which cubes are made, changed, frozen, held, linked, erased, and a key is given twice."""
    keyed = revision(702, 70)
    keyed.idempotency_digest, keyed.command_mac = b"key", b"mac"
    events = chain(
        [memory(701, 70), keyed],
        long_life(),
        freezes_and_holds(),
        [keyed, revision(703, 70)],
        links_undone(),
        tenants_own_cube(),
        [keyed, revision(704, 70)],
    )
    return [
        Record(Position(0, offset), 1_000_000 + offset, event.SerializeToString())
        for offset, event in enumerate(events)
    ]


def test_a_worker_that_wakes_without_its_partition_changes_nothing(engines: LocalServers) -> None:
    """It is paused before each of its writes in turn; the next worker takes the same records, and more."""
    log = history()
    part = len(log) // len(STEPS)
    with keyspaces(engines) as store:
        for paused_at in range(len(STEPS)):
            paused = Worker(store)
            start = paused.folding.mark.offset
            batch = paused.folding.fold(log[start : start + part - 4])
            paused.write(batch, *STEPS[:paused_at])

            next_one = Worker(store)
            next_one.take(log[start : start + 2])
            next_one.take(log[start + 2 : start + part])
            whole = contents(store.cassandra, store.generation)
            assert len(whole["attempt"]) == start + part

            paused.write(batch, *STEPS[paused_at:])
            assert contents(store.cassandra, store.generation) == whole
            # It goes on, one by one, with what it has in memory.
            for record in log[start + part - 4 : start + part]:
                paused.take([record])
            assert contents(store.cassandra, store.generation) == whole
            paused.close()
            next_one.close()
