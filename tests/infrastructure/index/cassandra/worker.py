"""What the index worker does with changes, without the log and the fold before it."""

from __future__ import annotations

from collections.abc import Sequence

from memos.infrastructure.index.cassandra.rows import IndexedAt, SpanTable
from memos.infrastructure.index.port import SpanChange
from memos.language.indexed_text import IndexedText
from tests.infrastructure.cassandra_vault import Keyspaces
from tests.infrastructure.index.cassandra.support import Partitions
from tests.infrastructure.index.sqlite.support import cube_id

PARTITIONS = 3


class Worker:
    """Writes what is logged, and then the checkpoint, as the index worker does."""

    def __init__(self, vault: Keyspaces) -> None:
        for table in ("span", "span_bucket", "checkpoint", "attempt"):
            vault.cassandra.define(f"TRUNCATE {vault.generation}.{table}")
        self._vault = vault
        self.log = Partitions(PARTITIONS)
        self.taken = [0] * PARTITIONS
        self.table = SpanTable(vault.cassandra, vault.generation)

    def add(
        self,
        cube: int,
        brings: IndexedText | None = None,
        scope: str = "acme/a",
        state: int = 1,
        partition: int | None = None,
    ) -> SpanChange:
        at = cube % PARTITIONS if partition is None else partition
        change = SpanChange(cube_id(cube), scope, 0, 1, state, cube % 4, brings)
        return self.log.append(at, change).change

    def work(self, partitions: Sequence[int] = range(PARTITIONS)) -> None:
        for partition in partitions:
            self.write(partition)
            self.checkpoint(partition)

    def write(self, partition: int) -> None:
        new = self.log.logs[partition][self.taken[partition] :]
        self.table.write(partition, [IndexedAt(at.offset, change) for at, change in new])
        self._vault.cassandra.concurrently(
            f"INSERT INTO {self._vault.generation}.attempt (cube_id, bucket, ordinal, offset)"
            " VALUES (?, ?, ?, ?)",
            [(change.cube_id, 0, change.offset, at.offset) for at, change in new],
        )

    def checkpoint(self, partition: int) -> None:
        self.taken[partition] = len(self.log.logs[partition])
        marks = self.log.marks(self.taken)
        if partition in marks:
            self._vault.cassandra.execute(
                f"INSERT INTO {self._vault.generation}.checkpoint"
                " (projection, partition, offset, ordinal, log_time) VALUES (?, ?, ?, ?, ?)",
                ("index", partition, *marks[partition], self.log.time),
            )

    def count(self, table: str) -> int:
        ((count,),) = self._vault.cassandra.execute(
            f"SELECT count(*) FROM {self._vault.generation}.{table}"
        )
        return int(count)
