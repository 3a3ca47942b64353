"""Records that a projection cannot take while it takes others: set aside by name.

The rows are of a generation, so that a rebuild, which makes the next one, tries all of them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.kernel.errors import Damaged
from memos.kernel.event import Position, id_text

VECTORS = "vectors"
INDEX = "index"
PROJECTIONS = (INDEX, VECTORS)
"""The projections that set records aside. No other may: all else follows from the fold, and a proof
is of every record.
"""


class SetAside(NamedTuple):
    """A record that a projection has set aside.

    `by` is what refuses it, such as a model's digest; empty where that is the release itself.
    `cause` is the kind of the error, without its words: they may quote what is sealed.
    """

    cube_id: bytes
    ordinal: int
    position: Position
    by: bytes
    release: str
    cause: str


class SetAsideRows:
    """The rows of `set_aside`. Every method may be repeated.

    Args:
        store: the connection.
        keyspace: the generation's.
    """

    def __init__(self, store: CassandraSession, keyspace: str) -> None:
        self._store = store
        self._table = f"{keyspace}.set_aside"

    def keep(self, projection: str, records: Iterable[SetAside]) -> None:
        """Set records aside, or note that they were tried again."""
        self._store.concurrently(
            f"INSERT INTO {self._table} (projection, cube_id, ordinal, partition, offset, refused_by,"
            " release, cause) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (projection, at.cube_id, at.ordinal, *at.position, at.by, at.release, at.cause)
                for at in records
            ],
        )

    def of(self, projection: str) -> list[SetAside]:
        """What a projection has set aside, in the order of the log's moments.

        Raises:
            Damaged: a row has nothing where something should be.
        """
        cql = (
            "SELECT cube_id, ordinal, partition, offset, refused_by, release, cause"
            f" FROM {self._table} WHERE projection = ?"
        )
        found = self._store.execute(cql, (projection,))
        for row in found:
            if None in row:
                raise Damaged(
                    f"a row of {self._table} of cube {id_text(row[0])} is damaged: run `memos rebuild`"
                )
        rows = [SetAside(row[0], row[1], Position(row[2], row[3]), *row[4:]) for row in found]
        return sorted(rows, key=lambda row: row.ordinal)

    def count(self) -> int:
        """How many records are set aside, by all projections together."""
        cql = f"SELECT count(*) FROM {self._table} WHERE projection = ?"
        return sum(int(self._store.execute(cql, (name,))[0][0]) for name in PROJECTIONS)

    def take_back(self, projection: str, records: Iterable[SetAside]) -> None:
        """Records that a projection has taken after all."""
        self._store.concurrently(
            f"DELETE FROM {self._table} WHERE projection = ? AND cube_id = ? AND ordinal = ?",
            [(projection, at.cube_id, at.ordinal) for at in records],
        )

    def forget(self, cube_ids: Sequence[bytes]) -> None:
        """Erased cubes: nothing of theirs is set aside any more."""
        self._store.concurrently(
            f"DELETE FROM {self._table} WHERE projection = ? AND cube_id = ?",
            [(name, cube_id) for name in PROJECTIONS for cube_id in cube_ids],
        )

    def are_gone(self, cube_ids: Sequence[bytes]) -> bool:
        """Whether no copy of any node names one of these cubes."""
        cql = f"SELECT ordinal FROM {self._table} WHERE projection = ? AND cube_id = ?"
        values = [(name, cube_id) for name in PROJECTIONS for cube_id in cube_ids]
        return not any(self._store.everywhere(cql, values))
