"""Subjects' keys in Cassandra: made, opened under the root key, believed for a while, and destroyed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.keys.aged_cache import AgedCache
from memos.infrastructure.keys.cassandra.held_root import CassandraHeldRoot, RootReplaced
from memos.infrastructure.keys.cassandra.renewal import renew_subjects
from memos.infrastructure.keys.cassandra.subject_rows import Subject, SubjectRows, flat
from memos.infrastructure.keys.envelope import new_key
from memos.infrastructure.keys.root import RootKey

_CACHED = 50_000


class CassandraSubjectKeys:
    """Safe for threads and processes.

    Args:
        store: the connection.
        root: the root key that they are wrapped under.
        rows: where they are.
        age: how long a process goes on using one that another one has destroyed, in seconds.
    """

    def __init__(
        self, store: CassandraSession, root: CassandraHeldRoot, rows: SubjectRows, age: float
    ) -> None:
        self._store = store
        self._root = root
        self._rows = rows
        self._cache: AgedCache[Subject, bytes] = AgedCache(age, _CACHED)

    def get(
        self, subjects: Iterable[Subject], *, create: bool, fresh: bool = False
    ) -> dict[Subject, bytes]:
        """The keys of several subjects, read at once; without those that are not there.

        `fresh` asks the store about every one: what is wrapped under a key that was destroyed a
        moment ago would be lost, though it was written later.
        """
        distinct = set(subjects)
        keys: dict[Subject, bytes] = {}
        for subject in () if fresh else distinct:
            kept = self._cache.get(subject)
            if kept is not None:
                keys[subject] = kept
        unread = sorted(distinct - keys.keys())
        if not unread:
            return keys
        reading = self._cache.begin()
        opened = self._root.opened(lambda root: self._opened(root, unread, create=create))
        for subject, key in opened.items():
            self._cache.put(subject, key, reading)
        return keys | opened

    def kept(self, subjects: Iterable[Subject]) -> set[Subject]:
        """Those of some subjects that have a key here, by what is stored now."""
        return set(self._rows.wrapped(sorted(set(subjects))))

    def stream(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Every (tenant, subject, key)."""
        for tenant, subject, wrapped in self._rows.stream():
            held = partial(RootKey.open_subject, tenant=tenant, subject=subject, wrapped=wrapped)
            yield tenant, subject, self._root.opened(held)

    def add(self, keys: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Keep keys that come from another vault; one that is there stays."""
        root = self._root.key
        self._rows.insert([(t, s, root.wrap_subject(t, s, key)) for t, s, key in keys])

    def destroy(self, tenant: str, subjects: Iterable[bytes]) -> int:
        """End keys for good; how many there were."""
        wrapped_keys = self._rows.wrapped_among(tenant, sorted(set(subjects)))
        try:
            return self._destroy(wrapped_keys)
        finally:
            self.forget(wrapped_keys)

    def forget(self, subjects: Iterable[Subject]) -> None:
        """Ask the store for these again: they were destroyed."""
        self._cache.drop(subjects)

    def forget_all(self) -> None:
        """Ask the store for every one again."""
        self._cache.clear()

    def _destroy(self, wrapped_keys: Mapping[Subject, bytes]) -> int:
        """Only the keys that were seen: a repeated request must not take one that was made since."""
        destroyed, left = self._rows.delete(wrapped_keys)
        return destroyed + (self._destroy_renewed(wrapped_keys, left) if left else 0)

    def _destroy_renewed(self, seen: Mapping[Subject, bytes], left: Mapping[Subject, bytes]) -> int:
        """The same of those that were wrapped anew meanwhile, for the root key is rotated."""

        def renewed(root: RootKey) -> dict[Subject, bytes]:
            return {
                subject: wrapped
                for subject, wrapped in left.items()
                if root.open_subject(*subject, wrapped)
                == root.open_subject(*subject, seen[subject])
            }

        again = self._root.opened(renewed)
        return self._destroy(again) if again else 0

    def _opened(
        self, root: RootKey, subjects: Sequence[Subject], *, create: bool
    ) -> dict[Subject, bytes]:
        """The keys of several subjects, as they are stored; see `get`."""
        wrapped_keys = self._rows.wrapped(subjects)
        if create:
            missing = [subject for subject in subjects if subject not in wrapped_keys]
            if missing:
                wrapped_keys |= self._make(root, missing)
            if renew_subjects(self._store, root, flat(wrapped_keys)):
                wrapped_keys = self._rows.wrapped(subjects, serial=True)
            self._root.require(root, wrapped_keys.values())
        return {
            subject: root.open_subject(*subject, wrapped)
            for subject, wrapped in wrapped_keys.items()
        }

    def _make(self, root: RootKey, subjects: Sequence[Subject]) -> dict[Subject, bytes]:
        """Make keys, and read back those that stayed."""
        made = {subject: root.wrap_subject(*subject, new_key()) for subject in subjects}
        self._rows.insert(flat(made))
        try:
            self._root.require(root, made.values())
        except RootReplaced:
            # Nobody has written under them: who holds the new root key wraps a row anew before that.
            self._rows.delete(made)
            raise
        return self._rows.wrapped(subjects, serial=True)
