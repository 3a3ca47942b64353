"""Writing folded records, in the stages that a worker takes them through.

Records first; then the worker produces what follows from them; then heads; then the checkpoint. A
crash between two stages loses nothing: the head still stands before the records, so they are
delivered and folded again, to the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.batches import Batches
from memos.infrastructure.vault.cassandra.rows import (
    CHECKPOINT,
    POSTING,
    head_row,
    hint_rows,
    posting_terms,
    record_rows,
)
from memos.infrastructure.vault.cassandra.tables import BUCKET
from memos.infrastructure.vault.folded import Folded
from memos.kernel.cube import CubeState

FOLD = "fold"
"""The projection whose checkpoint says what of the vault is complete."""

Known = tuple[int, frozenset[bytes]]
"""A bucket of `record` and the terms that have a posting for it."""


class CassandraVaultWriter:
    """Writes what the fold of one generation made. Not for several threads at once.

    A batch holds records of one partition of the log, in their order. Every method returns when all
    it wrote is durable, and raises StoreUnavailable where that is not certain: calling it again is
    safe.
    """

    def __init__(self, store: CassandraSession, generation: int | None = None) -> None:
        self._store = store
        number = schema.live_generation(store) if generation is None else generation
        self.keyspace = schema.keyspace_of(store, number)
        self._postings: dict[int, Known] = {}

    def write_records(self, batch: Sequence[Folded]) -> None:
        """Write everything but heads and checkpoint: attempts, the log in order, lineage, and what
        leads to them.
        """
        batches = Batches(self._store, self.keyspace)
        for folded in batch:
            for change in record_rows(folded):
                batches.add(change)
        for folded, state in _last(batch):
            for change in hint_rows(folded, state):
                batches.add(change)
        postings = self._add_postings(batch, batches)
        batches.send()
        self._postings.update(postings)

    def write_heads(self, batch: Sequence[Folded]) -> None:
        """Write each cube of the batch as its last record leaves it."""
        batches = Batches(self._store, self.keyspace)
        for folded, state in _last(batch):
            batches.add(head_row(folded, state))
        batches.send()

    def write_checkpoint(
        self, projection: str, partition: int, offset: int, ordinal: int, log_time: int
    ) -> None:
        """Say that a projection holds every record of a partition before `offset`.

        A lower offset than the one that stands there changes nothing.
        """
        self._store.execute(
            CHECKPOINT.cql(self.keyspace),
            (projection, partition, offset, ordinal, log_time, offset),
        )

    def _add_postings(self, batch: Sequence[Folded], batches: Batches) -> dict[int, Known]:
        """Add the postings that are not known to be there; what is known once they are written."""
        if not batch:
            return {}
        partition = batch[0].record.position.partition
        bucket, terms_there = self._postings.get(partition, (-1, frozenset()))
        there = set(terms_there)
        for folded in batch:
            at = folded.record.position.offset // BUCKET
            if at != bucket:
                bucket, there = at, set()
            for term in posting_terms(folded):
                if term not in there:
                    batches.add((POSTING, (term, partition, bucket)))
                    there.add(term)
        return {partition: (bucket, frozenset(there))}


def _last(batch: Sequence[Folded]) -> list[tuple[Folded, CubeState]]:
    """The last record of each cube that exists, and the cube's state after it."""
    last: dict[bytes, tuple[Folded, CubeState]] = {}
    for folded in batch:
        if folded.state is not None:
            last[folded.state.cube_id] = folded, folded.state
    return list(last.values())
