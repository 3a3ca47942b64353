"""Rows of many keys: a few keys a request, for most of what a small row costs is its request; or each
in a request of its own, where transactions are to be ended first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from cassandra import ConsistencyLevel

from memos.infrastructure.cassandra.connection import CassandraSession, Row

GROUP = 8
"""Keys a request: each adds a node that its coordinator may have to ask."""

T = TypeVar("T")


def select_many(
    store: CassandraSession, columns: str, table: str, keys: Iterable[bytes]
) -> list[Row]:
    """The rows whose `cube_id` is one of `keys`, in no order, with the cube id before `columns`.

    Args:
        store: the connection.
        columns: those asked for, as CQL lists them.
        table: with its keyspace.
        keys: cube ids.
    """
    statements = [
        (
            store.prepare(
                f"SELECT cube_id, {columns} FROM {table}"
                f" WHERE cube_id IN ({', '.join('?' * len(group))})"
            ),
            group,
        )
        for group in groups(list(dict.fromkeys(keys)))
    ]
    return [row for rows in store.run_all(statements) for row in rows]


def groups(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Groups in few sizes, since each size is a statement of its own to prepare."""
    at, size = 0, GROUP
    while at < len(items):
        while size > len(items) - at:
            size //= 2
        yield items[at : at + size]
        at += size


def select(
    store: CassandraSession, cql: str, values: Sequence[Sequence[Any]], *, serial: bool
) -> list[list[Row]]:
    """The rows for each set of values; `serial` also ends transactions that are under way."""
    if not serial:
        return store.concurrently(cql, values)
    statements = [store.prepare(cql).bind(row) for row in values]
    for statement in statements:
        statement.consistency_level = ConsistencyLevel.SERIAL
    return store.run_all((statement, ()) for statement in statements)
