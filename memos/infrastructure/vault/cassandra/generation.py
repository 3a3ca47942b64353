"""One generation of the projections, as its readers hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from memos.infrastructure.cassandra.connection import CassandraSession, Row
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.whole import whole, whole_many
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
            partition: (offset, ordinal, log_time) for partition, offset, ordinal, log_time in rows
        }

    def offsets(self, projections: Sequence[str]) -> dict[str, dict[int, int]]:
        """Of several projections, up to which offset each is in each partition; by one request."""
        at: dict[str, dict[int, int]] = {projection: {} for projection in projections}
        for projection, partition, offset in self._rows(
            "SELECT projection, partition, offset FROM {}.checkpoint WHERE projection IN ?",
            (list(projections),),
        ):
            at[projection][partition] = offset
        return at

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
        """The rows of a statement in which `{}` stands for the keyspace.

        Raises:
            Damaged: one of them is not whole; this holds for `_stream` and `_many` as well.
        """
        return list(self._whole(self._store.execute, cql, values))

    def _stream(self, cql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        return self._whole(self._store.stream, cql, values)

    def _many(self, cql: str, values: Iterable[Sequence[Any]]) -> list[list[Row]]:
        return whole_many(self._store, cql.format(self.keyspace), values)

    def _whole(
        self,
        run: Callable[[str, Sequence[Any]], Iterable[Row]],
        cql: str,
        values: Sequence[Any],
    ) -> Iterator[Row]:
        statement = cql.format(self.keyspace)
        return whole(self._store, statement, run(statement, values), values)
