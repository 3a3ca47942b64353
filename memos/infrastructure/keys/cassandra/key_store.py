"""Tenants' and subjects' keys in Cassandra, wrapped under a root key that is a file elsewhere.

Their tables are written by lightweight transactions alone, inserts and deletes alike: of two who
make a key one is told that the other was first, and no plain write's clock can undo that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cassandra import ConsistencyLevel
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.keys.aged_cache import AgedCache
from memos.infrastructure.keys.envelope import new_key
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.root import RootKey

KEY_AGE_SECONDS = 5.0
"""How long a process goes on using a key that another one has destroyed, at most."""

_CACHED_SUBJECTS = 50_000
_CACHED_TENANTS = 10_000
_NOBODYS = "*"
"""Stands for the tenant of what belongs to none: a partition key of Cassandra may not be empty."""

Subject = tuple[str, bytes]
"""A tenant, and the digest of one of its subjects."""


class CassandraKeyStore(KeyVault):
    """See `port.KeyVault`. `close` forgets the keys; the connection is its owner's to close.

    Args:
        store: the connection; its settings name the base keyspace, where keys are.
        root_file: holds the root key (`root.create_root_file`); nobody else may have rights to it.
        age: see KEY_AGE_SECONDS.

    Raises:
        VaultError: the root key is missing, or others may read it.
        Damaged: the file holds no root key.
    """

    def __init__(
        self, store: CassandraSession, root_file: Path, *, age: float = KEY_AGE_SECONDS
    ) -> None:
        self._store = store
        self._root = RootKey.read_private(root_file)
        self._base = store.settings.keyspace
        self._tenants: AgedCache[str, bytes] = AgedCache(age, _CACHED_TENANTS)
        self._subjects: AgedCache[Subject, bytes] = AgedCache(age, _CACHED_SUBJECTS)
        self.age = age

    def tenant_key(self, tenant: str) -> bytes:
        kept = self._tenants.get(tenant)
        if kept is not None:
            return kept
        reading = self._tenants.begin()
        ring = self.ring(tenant)
        if not ring:
            self._add_at(tenant, 0, new_key())
            ring = self.ring(tenant, serial=True)
        self._tenants.put(tenant, ring[0], reading)
        return ring[0]

    def add_tenant_key(self, tenant: str, key: bytes) -> None:
        while key not in (keys := self.ring(tenant, serial=True)):
            # Where another was first at this place, the ring is read again.
            self._add_at(tenant, len(keys), key)

    def tenants(self) -> list[str]:
        tenants = self._store.execute(f"SELECT DISTINCT tenant FROM {self._base}.tenant_key")
        return sorted("" if tenant == _NOBODYS else tenant for (tenant,) in tenants)

    def subject_key(self, tenant: str, subject: bytes, *, create: bool = True) -> bytes | None:
        return self.subject_keys([(tenant, subject)], create=create).get((tenant, subject))

    def subject_keys(
        self, subjects: Iterable[Subject], *, create: bool, fresh: bool = False
    ) -> dict[Subject, bytes]:
        """The keys of several subjects, read at once; without those that are not there.

        `fresh` asks the store about every one: what is wrapped under a key that was destroyed a
        moment ago would be lost, though it was written later.
        """
        distinct = set(subjects)
        keys: dict[Subject, bytes] = {}
        for subject in () if fresh else distinct:
            kept = self._subjects.get(subject)
            if kept is not None:
                keys[subject] = kept
        unread = sorted(distinct - keys.keys())
        if not unread:
            return keys
        reading = self._subjects.begin()
        wrapped_keys = self._read(unread)
        missing = [subject for subject in unread if subject not in wrapped_keys] if create else []
        if missing:
            wrapped_keys |= self._make(missing)
        for subject, wrapped in wrapped_keys.items():
            keys[subject] = self._root.open_subject(*subject, wrapped)
            self._subjects.put(subject, keys[subject], reading)
        return keys

    def kept(self, subjects: Iterable[Subject]) -> set[Subject]:
        """Those of some subjects that have a key here, by what is stored now."""
        return set(self._read(sorted(set(subjects))))

    def subjects(self) -> Iterator[tuple[str, bytes, bytes]]:
        rows = self._store.stream(f"SELECT tenant, subject, wrapped FROM {self._base}.subject_key")
        for tenant, subject, wrapped in rows:
            yield tenant, subject, self._root.open_subject(tenant, subject, wrapped)

    def add_subject_keys(self, keys: Iterable[tuple[str, bytes, bytes]]) -> None:
        self._store.concurrently(
            f"INSERT INTO {self._base}.subject_key (tenant, subject, wrapped) VALUES (?, ?, ?)"
            " IF NOT EXISTS",
            [(t, s, self._root.wrap_subject(t, s, key)) for t, s, key in keys],
        )

    def destroy(self, tenant: str, subjects: Iterable[bytes]) -> int:
        wrapped_keys = self._read([(tenant, subject) for subject in set(subjects)], serial=True)
        try:
            # Only the key that was seen: a repeated request must not take one that was made since.
            destroyed = self._store.concurrently(
                f"DELETE FROM {self._base}.subject_key"
                " WHERE tenant = ? AND subject = ? IF wrapped = ?",
                [(*subject, wrapped) for subject, wrapped in wrapped_keys.items()],
            )
        finally:
            self._subjects.drop(wrapped_keys)
        return sum(bool(row[0]) for (row,) in destroyed)

    def seal_of(self, data: bytes) -> bytes:
        return self._root.seal_of(data)

    def signing_key(self) -> Ed25519PrivateKey:
        return self._root.signing_key()

    def refresh(self) -> None:
        self._tenants.clear()
        self._subjects.clear()

    def close(self) -> None:
        self.refresh()

    def ring(self, tenant: str, *, serial: bool = False) -> list[bytes]:
        cql = f"SELECT place, wrapped FROM {self._base}.tenant_key WHERE tenant = ?"
        (ring,) = select(self._store, cql, [(tenant or _NOBODYS,)], serial=serial)
        return [self._root.open_tenant(tenant, place, wrapped) for place, wrapped in ring]

    def unopened(self) -> Iterator[tuple[str, str]]:
        """The keys that do not open under the root key, or are missing in a ring, and why."""
        places: dict[str, int] = {}
        cql = f"SELECT tenant, place, wrapped FROM {self._base}.tenant_key"
        for stored, place, wrapped in self._store.stream(cql):
            tenant = "" if stored == _NOBODYS else stored
            if place != places.get(tenant, 0):
                yield f"tenant {tenant!r}", f"at place {places.get(tenant, 0)} is missing"
            places[tenant] = place + 1
            if not self._root.opens_tenant(tenant, place, wrapped):
                yield f"tenant {tenant!r}", "does not open under the root key"
        cql = f"SELECT tenant, subject, wrapped FROM {self._base}.subject_key"
        for tenant, subject, wrapped in self._store.stream(cql):
            if not self._root.opens_subject(tenant, subject, wrapped):
                yield f"subject {subject.hex()}", "does not open under the root key"

    def _add_at(self, tenant: str, place: int, key: bytes) -> None:
        self._store.execute(
            f"INSERT INTO {self._base}.tenant_key (tenant, place, wrapped) VALUES (?, ?, ?)"
            " IF NOT EXISTS",
            (tenant or _NOBODYS, place, self._root.wrap_tenant(tenant, place, key)),
        )

    def _read(self, subjects: Sequence[Subject], *, serial: bool = False) -> dict[Subject, bytes]:
        """The wrapped keys of those subjects that have one."""
        cql = f"SELECT wrapped FROM {self._base}.subject_key WHERE tenant = ? AND subject = ?"
        results = select(self._store, cql, subjects, serial=serial)
        return {
            subject: result[0][0]
            for subject, result in zip(subjects, results, strict=True)
            if result
        }

    def _make(self, subjects: Sequence[Subject]) -> dict[Subject, bytes]:
        """Make keys, and read back those that stayed."""
        self._store.concurrently(
            f"INSERT INTO {self._base}.subject_key (tenant, subject, wrapped) VALUES (?, ?, ?)"
            " IF NOT EXISTS",
            [(*subject, self._root.wrap_subject(*subject, new_key())) for subject in subjects],
        )
        return self._read(subjects, serial=True)


def select(
    store: CassandraSession, cql: str, values: Sequence[Sequence[Any]], *, serial: bool
) -> list[list[tuple[Any, ...]]]:
    """The rows for each set of values; `serial` also ends transactions that are under way."""
    if not serial:
        return store.concurrently(cql, values)
    statements = [store.prepare(cql).bind(row) for row in values]
    for statement in statements:
        statement.consistency_level = ConsistencyLevel.SERIAL
    return store.run_all((statement, ()) for statement in statements)
