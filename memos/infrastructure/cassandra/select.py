"""Rows of many keys, a few keys a request: most of what a small row costs is its request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from memos.infrastructure.cassandra.connection import CassandraSession, Row

GROUP = 8
"""Keys a request: each adds a node that its coordinator may have to ask."""


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
        for group in _groups(list(dict.fromkeys(keys)))
    ]
    return [row for rows in store.run_all(statements) for row in rows]


def _groups(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Groups in few sizes, since each size is a statement of its own to prepare."""
    at, size = 0, GROUP
    while at < len(keys):
        while size > len(keys) - at:
            size //= 2
        yield keys[at : at + size]
        at += size
