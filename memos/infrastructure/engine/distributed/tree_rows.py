"""Where the Merkle trees of a log's partitions are: tiles, frontiers and signed notes as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.vault.cassandra.whole import whole
from memos.kernel.errors import Damaged
from memos.kernel.merkle import TILE_HEIGHT, TILE_WIDTH, Frontier, TileRoot

_TIMES = 0
"""The level under which a tile's first log time stands: the leaves themselves are not stored."""


class TreeRows:
    """The trees of one generation. Safe for threads.

    Every row is the same whoever writes it, and a frontier is written under its size as timestamp:
    a worker that was given up for dead changes nothing.
    """

    def __init__(self, store: CassandraSession, keyspace: str) -> None:
        self._store = store
        self._keyspace = keyspace

    def frontier(self, partition: int) -> tuple[Frontier, int]:
        """The tree of a partition as far as it is sealed, and the greatest log time in it.

        Raises:
            Damaged: the row is not what was written.
        """
        cql = f"SELECT tree, log_time FROM {self._keyspace}.frontier WHERE partition = ?"
        stored = self._store.execute(cql, (partition,))
        if not stored:
            return Frontier(), 0
        tree, log_time = stored[0]
        try:
            return Frontier.from_bytes(tree or b""), log_time or 0
        except ValueError as error:
            raise Damaged(
                f"the tree of partition {partition} is damaged ({error}): run `memos rebuild`"
            ) from None

    def write_frontier(self, partition: int, tree: Frontier, log_time: int) -> None:
        """Say how far a partition is sealed; its tiles stand before."""
        self._store.execute(
            f"INSERT INTO {self._keyspace}.frontier (partition, size, tree, log_time)"
            " VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
            (partition, tree.size, tree.to_bytes(), log_time, tree.size),
        )

    def write_tiles(
        self, partition: int, tiles: Iterable[TileRoot], times: Mapping[int, int]
    ) -> None:
        """Store complete tiles' roots, and by tile of leaves the greatest log time before it."""
        nodes = [(tile.level, tile.index, tile.hash) for tile in tiles]
        nodes += [(_TIMES, tile, time.to_bytes(8, "big")) for tile, time in times.items()]
        self._store.concurrently(
            f"INSERT INTO {self._keyspace}.tile (partition, level, chunk, position, hash)"
            " VALUES (?, ?, ?, ?, ?)",
            [
                (partition, level, index >> TILE_HEIGHT, index % TILE_WIDTH, value)
                for level, index, value in nodes
            ],
        )

    def roots(self, partition: int, level: int, start: int, end: int) -> list[bytes]:
        """The stored nodes [start, end) of a level above the leaves: all within one tile."""
        return self._values(partition, level, start, end)

    def time_before(self, partition: int, tile: int) -> int | None:
        """The greatest log time before a tile of leaves; None where it is not sealed."""
        stored = self._values(partition, _TIMES, tile, tile + 1)
        return int.from_bytes(stored[0], "big") if stored else None

    def last_note(self, partition: int) -> int:
        """The size of the last checkpoint that was signed; 0 where there is none."""
        cql = (
            f"SELECT size FROM {self._keyspace}.note WHERE partition = ? ORDER BY size DESC LIMIT 1"
        )
        stored = self._store.execute(cql, (partition,))
        return int(stored[0][0]) if stored else 0

    def notes(self, partition: int) -> dict[int, str]:
        """Every signed checkpoint of a partition, by size."""
        cql = f"SELECT size, note FROM {self._keyspace}.note WHERE partition = ?"
        return {size: note or "" for size, note in self._store.stream(cql, (partition,))}

    def write_note(self, partition: int, size: int, note: str) -> None:
        """Keep a signed checkpoint."""
        self._store.execute(
            f"INSERT INTO {self._keyspace}.note (partition, size, note) VALUES (?, ?, ?)",
            (partition, size, note),
        )

    def _values(self, partition: int, level: int, start: int, end: int) -> list[bytes]:
        first = start % TILE_WIDTH
        cql = (
            f"SELECT hash FROM {self._keyspace}.tile WHERE partition = ? AND level = ?"
            " AND chunk = ? AND position >= ? AND position < ?"
        )
        values = (partition, level, start >> TILE_HEIGHT, first, first + end - start)
        stored = self._store.execute(cql, values)
        return [value for (value,) in whole(self._store, cql, stored, values)]
