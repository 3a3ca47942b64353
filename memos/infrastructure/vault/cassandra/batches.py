"""Packing rows into unlogged batches that Cassandra takes at little cost.

Rows of one partition stand side by side: Cassandra applies them as one mutation. Where the cluster
has several nodes, a batch holds rows of one replica only, so that its coordinator forwards nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from cassandra.query import BatchStatement, BatchType, BoundStatement

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.vault.cassandra.rows import Change, Delete, Insert, Values

MOST_ROWS = 48
MOST_BYTES = 32 * 1024
"""A batch over several partitions is refused above 50 KiB (batch_size_fail_threshold)."""

IN_FLIGHT = 32


class Batches:
    """Collects rows of one keyspace; `send` writes them all, in no order."""

    def __init__(self, store: CassandraSession, keyspace: str) -> None:
        self._store = store
        self._keyspace = keyspace
        self._groups: dict[tuple[Insert | Delete, Values], dict[Values, None]] = {}

    def add(self, change: Change) -> None:
        """Take one row; the same row twice is written once."""
        statement, values = change
        key = values[: statement.key] if isinstance(statement, Insert) else ()
        self._groups.setdefault((statement, key), {})[values] = None

    def send(self) -> None:
        """Write what was collected; all of it is durable when this returns."""
        groups, self._groups = self._groups, {}
        store, keyspace = self._store, self._keyspace
        bound = (
            prepared.bind(values)
            for (statement, _), rows in groups.items()
            for prepared in (store.prepare(statement.cql(keyspace)),)
            for values in rows
        )
        store.run_all(((packed, ()) for packed in self._packed(bound)), in_flight=IN_FLIGHT)

    def _packed(self, rows: Iterator[BoundStatement]) -> Iterator[BatchStatement | BoundStatement]:
        open_batches: dict[Hashable, tuple[BatchStatement, int]] = {}
        several = self._store.nodes > 1
        for row in rows:
            size = sum(map(len, filter(None, row.values)))
            if size > MOST_BYTES:
                yield row  # alone: the limit is one of batches
                continue
            replica = self._replica(row) if several else None
            batch, held = open_batches.get(replica, (None, 0))
            if batch is not None and (held + size > MOST_BYTES or len(batch) >= MOST_ROWS):
                yield batch
                batch, held = None, 0
            if batch is None:
                batch = BatchStatement(
                    BatchType.UNLOGGED, consistency_level=self._store.write_consistency
                )
                batch.is_idempotent = True
            batch.add(row)
            open_batches[replica] = batch, held + size
        for batch, _ in open_batches.values():
            yield batch

    def _replica(self, row: BoundStatement) -> Hashable:
        metadata = self._store.cluster.metadata
        replicas = metadata.get_replicas(self._keyspace, row.routing_key)
        return replicas[0].host_id if replicas else None
