"""Wrapping keys in Cassandra anew that are under the former root key, while that is rotated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from memos.infrastructure.batches import batched
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.keys.root import RootKey
from memos.infrastructure.progress import Progress

NOBODYS = "*"
"""Stands for the tenant of what belongs to none: a partition key of Cassandra may not be empty."""

_AT_ONCE = 500


class _Row(NamedTuple):
    tenant: str
    place: Any
    wrapped: bytes


def renew_tenants(
    store: CassandraSession, root: RootKey, rows: Iterable[tuple[str, int, bytes]]
) -> int:
    """Wrap those of some rows of `tenant_key` anew that are under the former root key; how many."""
    renewed = {
        _Row(*row): root.renewed_tenant("" if row[0] == NOBODYS else row[0], row[1], row[2])
        for row in rows
    }
    return _exchange(store, "tenant_key", "place", renewed)


def renew_subjects(
    store: CassandraSession, root: RootKey, rows: Iterable[tuple[str, bytes, bytes]]
) -> int:
    """The same of some rows of `subject_key`."""
    renewed = {_Row(*row): root.renewed_subject(*row) for row in rows}
    return _exchange(store, "subject_key", "subject", renewed)


def renew_all(store: CassandraSession, root: RootKey, progress: Progress) -> None:
    """Wrap every key anew that is under the former root key, until a look at all of them finds none."""
    while _renew_all(store, root, progress):
        pass


def _renew_all(store: CassandraSession, root: RootKey, progress: Progress) -> int:
    base = store.settings.keyspace
    renewed = done = 0
    for name, place, renew in (
        ("tenant_key", "place", renew_tenants),
        ("subject_key", "subject", renew_subjects),
    ):
        stored: Iterator[Any] = store.stream(f"SELECT tenant, {place}, wrapped FROM {base}.{name}")
        for rows in batched(stored, _AT_ONCE):
            renewed += renew(store, root, rows)
            done += len(rows)
            progress(done, 0)
    return renewed


def _exchange(
    store: CassandraSession, name: str, place: str, renewed: Mapping[_Row, bytes | None]
) -> int:
    """Each only where the row is still the one that was read: an erase may have taken it."""
    changed = [(again, *row) for row, again in renewed.items() if again is not None]
    store.concurrently(
        f"UPDATE {store.settings.keyspace}.{name} SET wrapped = ?"
        f" WHERE tenant = ? AND {place} = ? IF wrapped = ?",
        changed,
    )
    return len(changed)
