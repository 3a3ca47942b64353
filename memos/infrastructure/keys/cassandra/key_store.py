"""Tenants' and subjects' keys in Cassandra, wrapped under a root key that is a file elsewhere.

Their tables are written by lightweight transactions alone, inserts and deletes alike: of two who
make a key one is told that the other was first, and no plain write's clock can undo that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.keys.cassandra.erase_marks import CassandraEraseMarks
from memos.infrastructure.keys.cassandra.held_root import CassandraHeldRoot
from memos.infrastructure.keys.cassandra.subject_keys import CassandraSubjectKeys
from memos.infrastructure.keys.cassandra.subject_rows import SubjectRows
from memos.infrastructure.keys.cassandra.tenant_rings import CassandraTenantRings, VaultTenants
from memos.infrastructure.keys.port import KeyVault

KEY_AGE_SECONDS = 5.0
"""How long a process goes on using a key that another one has destroyed, at most."""

_EMPTY = VaultTenants()


class CassandraKeyStore(KeyVault):
    """See `port.KeyVault`. `close` forgets the keys; the connection is its owner's to close.

    Args:
        store: the connection; its settings name the base keyspace, where keys are.
        root_file: holds the root key (`root.create_root_file`); nobody else may have rights to it.
        tenants: those of the vault whose keys these are.
        age: see KEY_AGE_SECONDS.

    Raises:
        VaultError: the root key is missing, or others may read it.
        WrongRootKey: the file holds another than the vault has, once that was rotated.
        Damaged: the file holds no root key.
    """

    def __init__(
        self,
        store: CassandraSession,
        root_file: Path,
        tenants: VaultTenants = _EMPTY,
        *,
        age: float = KEY_AGE_SECONDS,
    ) -> None:
        rows = SubjectRows(store)
        self.age = age
        self.root = CassandraHeldRoot(store, root_file)
        self.subject_keys = CassandraSubjectKeys(store, self.root, rows, age)
        self.erase_marks = CassandraEraseMarks(store, self.root, rows, self.subject_keys)
        self._rings = CassandraTenantRings(store, self.root, tenants, age)

    def tenant_key(self, tenant: str, *, create: bool = True) -> bytes:
        return self._rings.own_key(tenant, create=create)

    def ring(self, tenant: str) -> list[bytes]:
        return self._rings.ring(tenant)

    def add_tenant_key(self, tenant: str, key: bytes) -> None:
        self._rings.add(tenant, key)

    def tenants(self) -> list[str]:
        return self._rings.tenants()

    def subject_key(self, tenant: str, subject: bytes, *, create: bool = True) -> bytes | None:
        return self.subject_keys.get([(tenant, subject)], create=create).get((tenant, subject))

    def subjects(self) -> Iterator[tuple[str, bytes, bytes]]:
        return self.subject_keys.stream()

    def add_subject_keys(self, keys: Iterable[tuple[str, bytes, bytes]]) -> None:
        self.subject_keys.add(keys)

    def destroy(self, tenant: str, subjects: Iterable[bytes]) -> int:
        return self.subject_keys.destroy(tenant, subjects)

    def seal_of(self, data: bytes) -> bytes:
        return self.root.key.seal_of(data)

    def has_sealed(self, data: bytes, seal: str) -> bool:
        return self.root.key.has_sealed(data, seal)

    def signing_key(self) -> Ed25519PrivateKey:
        return self.root.key.signing_key()

    def refresh(self) -> None:
        self._rings.forget_all()
        self.subject_keys.forget_all()

    def close(self) -> None:
        self.refresh()
