"""The rows of subjects' keys in Cassandra, as they are stored: wrapped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from memos.infrastructure.cassandra.connection import CassandraSession, Row
from memos.infrastructure.cassandra.select import groups, select

_ASKED_AT_ONCE = 100
Subject = tuple[str, bytes]
"""A tenant, and the digest of one of its subjects."""


class SubjectRows:
    """Safe for threads and processes; `store`'s settings name the base keyspace."""

    def __init__(self, store: CassandraSession) -> None:
        self._store = store
        self._table = f"{store.settings.keyspace}.subject_key"

    def wrapped(self, subjects: Sequence[Subject], *, serial: bool = False) -> dict[Subject, bytes]:
        """The wrapped keys of those subjects that have one."""
        rows = self._select("wrapped", subjects, serial=serial)
        return {subject: wrapped for subject, (wrapped,) in rows.items()}

    def wrapped_among(self, tenant: str, subjects: Sequence[bytes]) -> dict[Subject, bytes]:
        """As `wrapped`, where most will have none: a request asks for many."""
        results = self._store.concurrently(
            f"SELECT tenant, subject, wrapped FROM {self._table} WHERE tenant = ? AND subject IN ?",
            [
                (tenant, subjects[first : first + _ASKED_AT_ONCE])
                for first in range(0, len(subjects), _ASKED_AT_ONCE)
            ],
        )
        return {(row[0], row[1]): row[2] for rows in results for row in rows}

    def marked(self, subjects: Sequence[Subject]) -> dict[Subject, tuple[bytes, bytes | None]]:
        """The wrapped keys of those subjects that have one, each with the mark of an erase on it."""
        rows = self._select("wrapped, retiring", subjects)
        return {subject: (wrapped, mark) for subject, (wrapped, mark) in rows.items()}

    def stream(self) -> Iterator[Row]:
        """Every (tenant, subject, wrapped key)."""
        return self._store.stream(f"SELECT tenant, subject, wrapped FROM {self._table}")

    def insert(self, rows: Sequence[tuple[str, bytes, bytes]]) -> None:
        """Keep (tenant, subject, wrapped key); one that is there stays."""
        self._store.concurrently(
            f"INSERT INTO {self._table} (tenant, subject, wrapped) VALUES (?, ?, ?) IF NOT EXISTS",
            rows,
        )

    def delete(self, wrapped_keys: Mapping[Subject, bytes]) -> tuple[int, dict[Subject, bytes]]:
        """Delete rows that are still these.

        Returns:
            How many there were, and what is in the place of the others.
        """
        results = self._store.concurrently(
            f"DELETE FROM {self._table} WHERE tenant = ? AND subject = ? IF wrapped = ?",
            flat(wrapped_keys),
        )
        deleted = sum(bool(row[0]) for (row,) in results)
        left = {
            subject: row[1]
            for subject, (row,) in zip(wrapped_keys, results, strict=True)
            if not row[0] and len(row) > 1 and row[1] is not None
        }
        return deleted, left

    def _select(
        self, columns: str, subjects: Sequence[Subject], *, serial: bool = False
    ) -> dict[Subject, Row]:
        cql = f"SELECT tenant, subject, {columns} FROM {self._table} WHERE tenant = ?"
        if serial or len(subjects) == 1:
            results = select(self._store, f"{cql} AND subject = ?", subjects, serial=serial)
        else:
            results = self._store.run_all(
                (
                    self._store.prepare(f"{cql} AND subject IN ({', '.join('?' * len(group))})"),
                    (tenant, *group),
                )
                for tenant, named in _by_tenant(subjects).items()
                for group in groups(named)
            )
        return {(row[0], row[1]): row[2:] for rows in results for row in rows}


def _by_tenant(subjects: Iterable[Subject]) -> dict[str, list[bytes]]:
    named: dict[str, list[bytes]] = {}
    for tenant, subject in subjects:
        named.setdefault(tenant, []).append(subject)
    return named


def flat(wrapped_keys: Mapping[Subject, bytes]) -> list[tuple[str, bytes, bytes]]:
    """Each as (tenant, subject, wrapped key)."""
    return [(*subject, wrapped) for subject, wrapped in wrapped_keys.items()]
