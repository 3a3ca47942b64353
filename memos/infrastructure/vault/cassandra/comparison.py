"""The rows of two generations beside each other, both ways: in the order of the tables themselves,
so that however large they are a page of each is in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.side_by_side import side_by_side

Stored = Mapping[str, Any]
"""A row, by the names of its columns."""

WRITE_TIME = "write time"
"""The name under which a row of a table in `FOLLOWING` has the latest write time of its columns."""

FOLLOWING = frozenset({"checkpoint", "frontier", "head", "usage"})
"""Tables whose rows follow the log, each written under a time that the log gives: what is written
under another would hide what is folded later.
"""


class Table(NamedTuple):
    """A table as Cassandra knows it: the columns of its primary key in their order, and the others."""

    name: str
    partition_key: tuple[str, ...]
    clustering: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell a row from any other."""
        return (*self.partition_key, *self.clustering)

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, the key first."""
        return (*self.key, *self.others)

    @property
    def selected(self) -> str:
        """What is read of a row: the columns, and where they tell something their write times."""
        times = self.others if self.name in FOLLOWING else ()
        return ", ".join((*self.columns, *(f"WRITETIME({name})" for name in times)))

    def row(self, values: Sequence[Any]) -> Stored:
        """What is compared of a row, of the values of what was selected."""
        row = dict(zip(self.columns, values, strict=False))
        if self.name in FOLLOWING:
            times = values[len(self.columns) :]
            row[WRITE_TIME] = max((time for time in times if time is not None), default=None)
        return row


class Difference(NamedTuple):
    """A row that is not the same in two keyspaces, or is in one of them only."""

    table: Table
    key: tuple[Any, ...]
    one: Stored | None
    other: Stored | None


def tables_of(store: CassandraSession, keyspace: str) -> dict[str, Table]:
    """Every table of a keyspace, by name."""
    cql = (
        "SELECT table_name, kind, position, column_name FROM system_schema.columns"
        " WHERE keyspace_name = ?"
    )
    found: defaultdict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for table, kind, _, column in sorted(store.execute(cql, (keyspace,))):
        found[table][kind].append(column)
    return {
        name: Table(
            name,
            tuple(kinds["partition_key"]),
            tuple(kinds["clustering"]),
            tuple(sorted(kinds["regular"])),
        )
        for name, kinds in found.items()
    }


def indexes_of(store: CassandraSession, keyspace: str) -> set[tuple[str, str]]:
    """The (table, index) pairs of a keyspace."""
    cql = "SELECT table_name, index_name FROM system_schema.indexes WHERE keyspace_name = ?"
    return {(table, index) for table, index in store.execute(cql, (keyspace,))}


def expiring_tables(store: CassandraSession, keyspace: str) -> list[str]:
    """The tables of a keyspace whose new rows end by themselves."""
    cql = (
        "SELECT table_name, default_time_to_live FROM system_schema.tables WHERE keyspace_name = ?"
    )
    return sorted(table for table, seconds in store.execute(cql, (keyspace,)) if seconds)


def differences(
    store: CassandraSession, table: Table, one: str, other: str
) -> Iterator[Difference]:
    """The rows of a table of which two keyspaces, named, do not say the same."""
    for mine, theirs in side_by_side(_scan(store, table, one), _scan(store, table, other)):
        if mine != theirs:
            known = mine or theirs or {}
            yield Difference(table, tuple(known[name] for name in table.key), mine, theirs)


def read_again(
    store: CassandraSession, found: Iterable[Difference], one: str, other: str
) -> Iterator[Difference]:
    """Differences as they are now, those that are none any more too."""
    for difference in found:
        table, key = difference.table, difference.key
        yield Difference(table, key, _row(store, table, one, key), _row(store, table, other, key))


def _row(
    store: CassandraSession, table: Table, keyspace: str, key: tuple[Any, ...]
) -> Stored | None:
    where = " AND ".join(f"{name} = ?" for name in table.key)
    cql = f"SELECT {table.selected} FROM {keyspace}.{table.name} WHERE {where}"
    rows = store.execute(cql, key)
    return table.row(rows[0]) if rows else None


_Place = tuple[Any, ...]


def _scan(store: CassandraSession, table: Table, keyspace: str) -> Iterator[tuple[_Place, Stored]]:
    """Every row, in the order in which any keyspace has them: by token, then by key."""
    token = f"token({', '.join(table.partition_key)})"
    cql = f"SELECT {token}, {table.selected} FROM {keyspace}.{table.name}"
    width = len(table.key)
    for token_value, *values in store.stream(cql):
        key = tuple(v.encode() if isinstance(v, str) else v for v in values[:width])
        yield (token_value, *key), table.row(values)
