"""One generation of the projections, as its readers hold it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from memos.infrastructure.cassandra.connection import CassandraSession, Row
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.event import Position

IDS_AT_ONCE = 25
"""Keys in one statement: each is read by itself, but asked and answered for together."""


class VaultGeneration:
    """Statements on the tables of one generation; the live one, as it was when this was made."""

    def __init__(self, store: CassandraSession, generation: int | None = None) -> None:
        self._store = store
        self.number = schema.live_generation(store) if generation is None else generation
        self.keyspace = schema.keyspace_of(store, self.number)

    def checkpoints(self, projection: str = FOLD) -> dict[int, tuple[int, int, int]]:
        """Of each partition: the offset up to which a projection is, the ordinal of the last record
        before it, and the greatest log time so far (microseconds).
        """
        rows = self._rows(
            "SELECT partition, offset, ordinal, log_time FROM {}.checkpoint WHERE projection = ?",
            (projection,),
        )
        return {
            partition: (offset or 0, -1 if ordinal is None else ordinal, log_time or 0)
            for partition, offset, ordinal, log_time in rows
        }

    def folded_size(self) -> int:
        """The number of records folded, in all partitions."""
        return sum(offset for offset, _, _ in self.checkpoints().values())

    def folded_cut(self) -> tuple[Position, ...]:
        """Up to where every partition is folded."""
        return tuple(
            Position(partition, offset)
            for partition, (offset, _, _) in sorted(self.checkpoints().items())
        )

    def _rows(self, cql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows of a statement in which `{}` stands for the keyspace."""
        return self._store.execute(cql.format(self.keyspace), values)

    def _stream(self, cql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        return self._store.stream(cql.format(self.keyspace), values)

    def _many(self, cql: str, values: Iterable[Sequence[Any]]) -> list[list[Row]]:
        return self._store.concurrently(cql.format(self.keyspace), values)
