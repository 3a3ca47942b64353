"""Usage in Cassandra: one absolute row a cube and partition of the access log; a reader sums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from memos.infrastructure.cassandra.connection import CassandraSession, Row
from memos.infrastructure.cassandra.select import select_many
from memos.infrastructure.governance.usage.usage import (
    Usage,
    access_in,
    checked_usage,
    counts_as_use,
    cubes_of,
    digest_of_usage,
    used_at,
)
from memos.kernel.errors import Damaged
from memos.kernel.event import id_text
from memos.kernel.moment import NEWEST
from memos.wire.access_pb2 import AccessEvent


class UsageRow(NamedTuple):
    """How a cube was used, by one access partition up to the record at `position`."""

    uses: int = 0
    last_used: int = 0
    position: int = -1


NEVER = UsageRow()


class AccessRecord(NamedTuple):
    """A record of the access log: its offset in its partition, and its bytes."""

    offset: int
    data: bytes


def fold_usage(
    stored: Mapping[bytes, UsageRow], accesses: Iterable[tuple[int, AccessEvent]]
) -> dict[bytes, UsageRow]:
    """The rows that records of one access partition change; pure.

    Args:
        stored: the rows of the cubes that the records name, as far as there are any.
        accesses: (offset, record), by offset. One that a cube's row has seen changes nothing.
    """
    rows: dict[bytes, UsageRow] = {}
    taken = -1
    for offset, access in accesses:
        if offset <= taken or not counts_as_use(access.action, access.rule):
            continue
        taken = offset
        for cube_id in cubes_of(access):
            before = stored.get(cube_id, NEVER)
            if before.position < offset:
                seen = rows.get(cube_id, before)
                used = used_at(seen.uses, seen.last_used, access.client_time)
                rows[cube_id] = UsageRow(*used, offset)
    return rows


class UsageRows:
    """Folds the access partitions that a worker owns, and reads the usage of any cube.

    Args:
        store: the connection.
        keyspace: the generation's.
    """

    def __init__(self, store: CassandraSession, keyspace: str) -> None:
        self._store = store
        self._table = f"{keyspace}.usage"

    def fold(self, partition: int, accesses: Sequence[AccessRecord]) -> int:
        """Fold records of one access partition, by offset; the caller writes the checkpoint then.

        A row is written under its position as timestamp, so that a worker that has lost the
        partition and goes on cannot put an older row over a newer one.

        Returns:
            How many rows changed.
        """
        events = [(access.offset, access_in(access.data)) for access in accesses]
        cubes = {cube_id for _, event in events for cube_id in cubes_of(event)}
        columns = "access_partition, uses, last_used, position"
        stored = {
            cube_id: UsageRow(*checked_usage(cube_id, uses, last), position)
            for cube_id, told_by, uses, last, position in self._rows(columns, cubes)
            if told_by == partition
        }
        changed = fold_usage(stored, events)
        self._store.concurrently(
            f"INSERT INTO {self._table} (cube_id, access_partition, uses, last_used, position)"
            " VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?",
            [(cube_id, partition, *row, row.position + 1) for cube_id, row in changed.items()],
        )
        return len(changed)

    def usage(self, cube_id: bytes) -> Usage:
        """How often and when last a cube was used; zeros where it never was."""
        return self.usages([cube_id]).get(cube_id, Usage())

    def usages(self, cube_ids: Iterable[bytes]) -> dict[bytes, Usage]:
        """The usage of several cubes, read at once; without those that were never used."""
        return _summed(self._rows("uses, last_used", cube_ids))

    def forget(self, cube_ids: Iterable[bytes]) -> None:
        """Drop the usage of erased cubes for good, whatever is still folded of them."""
        self._store.concurrently(
            f"DELETE FROM {self._table} USING TIMESTAMP {NEWEST} WHERE cube_id = ?",
            [(cube_id,) for cube_id in cube_ids],
        )

    def are_gone(self, cube_ids: Iterable[bytes]) -> bool:
        """Whether no copy of any node has usage of these cubes."""
        cql = f"SELECT uses FROM {self._table} WHERE cube_id = ?"
        return not any(self._store.everywhere(cql, [(cube_id,) for cube_id in cube_ids]))

    def digest(self) -> str:
        """SHA-256 over (cube id, uses, last used) of every cube ever used, in id order.

        It reads the whole table and holds a row a cube.
        """
        rows = self._store.stream(f"SELECT cube_id, uses, last_used FROM {self._table}")
        used = _summed(self._whole(rows))
        return digest_of_usage((cube_id, *used[cube_id]) for cube_id in sorted(used))

    def _rows(self, columns: str, cube_ids: Iterable[bytes]) -> Iterator[Row]:
        return self._whole(select_many(self._store, columns, self._table, cube_ids))

    def _whole(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            if None in row:
                raise Damaged(
                    f"a row of {self._table} of cube {id_text(row[0])} has nothing where a number "
                    "should be: run `memos rebuild`"
                )
            yield row


def _summed(rows: Iterable[Row]) -> dict[bytes, Usage]:
    """(cube id, uses, last used) rows, summed over all partitions, by cube."""
    used: dict[bytes, Usage] = {}
    for cube_id, uses, last_used in rows:
        # Client times may be negative, so 0 is no lower bound.
        checked_usage(cube_id, uses, last_used)
        before = used.get(cube_id, Usage(0, last_used))
        used[cube_id] = Usage(before.uses + uses, max(before.last_used, last_used))
    return used
