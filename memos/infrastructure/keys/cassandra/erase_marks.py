"""Marks of erases on subjects' keys in Cassandra: an erase marks a key, looks once more whether anything
needs it, and destroys it only where nobody who has written under it took the mark away meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.keys.cassandra.held_root import CassandraHeldRoot
from memos.infrastructure.keys.cassandra.subject_keys import CassandraSubjectKeys
from memos.infrastructure.keys.cassandra.subject_rows import Subject, SubjectRows
from memos.infrastructure.keys.root import RootKey


class CassandraEraseMarks:
    """Safe for threads and processes.

    Args:
        store: the connection; its settings name the base keyspace.
        root: the root key that subjects' keys are wrapped under.
        rows: where they are.
        subject_keys: told of those that are destroyed here.
    """

    def __init__(
        self,
        store: CassandraSession,
        root: CassandraHeldRoot,
        rows: SubjectRows,
        subject_keys: CassandraSubjectKeys,
    ) -> None:
        self._store = store
        self._root = root
        self._rows = rows
        self._subject_keys = subject_keys
        self._table = f"{store.settings.keyspace}.subject_key"

    def are_kept(self, keys: Mapping[Subject, bytes]) -> bool:
        """Whether these are still the keys of their subjects, and stay at least until the log is read
        again for memories that need them: the marks of erases are taken away.
        """
        return self._root.opened(lambda root: self._are_kept(root, keys))

    def mark(self, tenant: str, subjects: Iterable[bytes], mark: bytes) -> set[bytes]:
        """Say of keys that they are about to be destroyed; of which subjects there is one."""
        named = sorted(set(subjects))
        results = self._store.concurrently(
            f"UPDATE {self._table} SET retiring = ? WHERE tenant = ? AND subject = ? IF EXISTS",
            [(mark, tenant, subject) for subject in named],
        )
        return {subject for subject, (row,) in zip(named, results, strict=True) if row[0]}

    def unmark(self, tenant: str, subjects: Iterable[bytes], mark: bytes) -> None:
        """Take a mark away where it is still there."""
        self._clear({(tenant, subject): mark for subject in subjects})

    def destroy_marked(self, tenant: str, subjects: Iterable[bytes], mark: bytes) -> set[bytes]:
        """End those keys for good that still bear a mark; whose they were."""
        marks = {(tenant, subject): mark for subject in subjects}
        try:
            ended = self._conditionally(f"DELETE FROM {self._table}", marks)
        finally:
            self._subject_keys.forget(marks)
        return {subject for _, subject in ended}

    def _are_kept(self, root: RootKey, keys: Mapping[Subject, bytes]) -> bool:
        pending = sorted(keys)
        while pending:
            rows = self._rows.marked(pending)
            if len(rows) < len(pending):
                return False
            for subject, (wrapped, _) in rows.items():
                if root.open_subject(*subject, wrapped) != keys[subject]:
                    return False
            marks = {subject: mark for subject, (_, mark) in rows.items() if mark is not None}
            pending = sorted(marks.keys() - self._clear(marks))
        return True

    def _clear(self, marks: Mapping[Subject, bytes]) -> set[Subject]:
        """Take these marks away where they are still there; from whose keys."""
        return self._conditionally(f"UPDATE {self._table} SET retiring = null", marks)

    def _conditionally(self, change: str, marks: Mapping[Subject, bytes]) -> set[Subject]:
        """Change the rows that bear these marks; those that did."""
        results = self._store.concurrently(
            f"{change} WHERE tenant = ? AND subject = ? IF retiring = ?",
            [(*subject, mark) for subject, mark in marks.items()],
        )
        return {subject for subject, (row,) in zip(marks, results, strict=True) if row[0]}
