"""The rows of two generations beside each other, both ways: in the order of the tables themselves,
so that however large they are a page of each is in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.side_by_side import side_by_side

Stored = Mapping[str, Any]
"""A row, by the names of its columns."""


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
    cql = f"SELECT {', '.join(table.columns)} FROM {keyspace}.{table.name} WHERE {where}"
    rows = store.execute(cql, key)
    return dict(zip(table.columns, rows[0], strict=True)) if rows else None


_Place = tuple[Any, ...]


def _scan(store: CassandraSession, table: Table, keyspace: str) -> Iterator[tuple[_Place, Stored]]:
    """Every row, in the order in which any keyspace has them: by token, then by key."""
    token = f"token({', '.join(table.partition_key)})"
    cql = f"SELECT {token}, {', '.join(table.columns)} FROM {keyspace}.{table.name}"
    width = len(table.key)
    for token_value, *values in store.stream(cql):
        key = tuple(v.encode() if isinstance(v, str) else v for v in values[:width])
        yield (token_value, *key), dict(zip(table.columns, values, strict=True))
