"""Tenants' keys in Cassandra: each tenant's ring, its own key first."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.cassandra.select import select
from memos.infrastructure.keys.aged_cache import AgedCache
from memos.infrastructure.keys.cassandra.held_root import CassandraHeldRoot, RootReplaced
from memos.infrastructure.keys.cassandra.renewal import NOBODYS, renew_tenants
from memos.infrastructure.keys.envelope import new_key
from memos.infrastructure.keys.root import RootKey
from memos.kernel.errors import KeysMissing

_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class VaultTenants:
    """The tenants of the vault whose keys these are; of an empty one by default.

    Attributes:
        need: whether the vault needs a tenant's own key: no other is made in the place of a lost one.
        known: the tenants of whom the vault holds anything.
    """

    need: Callable[[str], bool] = lambda _tenant: False
    known: Callable[[], Collection[str]] = frozenset


class CassandraTenantRings:
    """Safe for threads and processes.

    Args:
        store: the connection; its settings name the base keyspace.
        root: the root key that they are wrapped under.
        tenants: asked only where a key is not there, and for their names.
        age: how long a process goes on using a key that another one has destroyed, in seconds.
    """

    def __init__(
        self, store: CassandraSession, root: CassandraHeldRoot, tenants: VaultTenants, age: float
    ) -> None:
        self._store = store
        self._root = root
        self._vault_tenants = tenants
        self._table = f"{store.settings.keyspace}.tenant_key"
        self._own: AgedCache[str, bytes] = AgedCache(age, _CACHED)

    def own_key(self, tenant: str, *, create: bool) -> bytes:
        """See `port.KeyVault.tenant_key`."""
        kept = self._own.get(tenant)
        if kept is not None:
            return kept
        reading = self._own.begin()
        ring = self.ring(tenant)
        if not ring:
            if not create:
                raise self._missing(f"the key of tenant {tenant!r}")
            self._add_at(tenant, 0, new_key())
            ring = self._stored_ring(tenant, serial=True)
        self._own.put(tenant, ring[0], reading)
        return ring[0]

    def ring(self, tenant: str) -> list[bytes]:
        """See `port.KeyVault.ring`."""
        ring = self._stored_ring(tenant)
        if not ring and self._vault_tenants.need(tenant):
            ring = self._stored_ring(tenant, serial=True)  # another may have made it just now
            if not ring:
                raise self._missing(f"the key of tenant {tenant!r}")
        return ring

    def add(self, tenant: str, key: bytes) -> None:
        """Add a key to the tenant's ring, behind those that are there."""
        keys = self.ring(tenant)
        while key not in keys:
            # Where another was first at this place, the ring is read again.
            self._add_at(tenant, len(keys), key)
            keys = self._stored_ring(tenant, serial=True)

    def tenants(self) -> list[str]:
        """Every tenant that has a key here, or should have one, sorted."""
        stored = self._store.execute(f"SELECT DISTINCT tenant FROM {self._table}")
        tenants = {"" if tenant == NOBODYS else tenant for (tenant,) in stored}
        return sorted(tenants.union(self._vault_tenants.known()))

    def forget_all(self) -> None:
        """Ask the store for every key again."""
        self._own.clear()

    def _stored_ring(self, tenant: str, *, serial: bool = False) -> list[bytes]:
        return self._root.opened(lambda root: self._opened_ring(root, tenant, serial=serial))

    def _opened_ring(self, root: RootKey, tenant: str, *, serial: bool) -> list[bytes]:
        ring = self._wrapped_ring(tenant, serial=serial)
        if renew_tenants(self._store, root, [(tenant or NOBODYS, *row) for row in ring]):
            ring = self._wrapped_ring(tenant, serial=True)
        self._root.require(root, [wrapped for _, wrapped in ring])
        return [root.open_tenant(tenant, place, wrapped) for place, wrapped in ring]

    def _wrapped_ring(self, tenant: str, *, serial: bool) -> list[tuple[int, bytes]]:
        cql = f"SELECT place, wrapped FROM {self._table} WHERE tenant = ?"
        (ring,) = select(self._store, cql, [(tenant or NOBODYS,)], serial=serial)
        if [place for place, _ in ring] != list(range(len(ring))):
            # Digests are made under the first, and looked up under every one.
            raise self._missing(f"a key in the ring of tenant {tenant!r}")
        return [(place, wrapped) for place, wrapped in ring]

    def _add_at(self, tenant: str, place: int, key: bytes) -> None:
        self._root.opened(lambda root: self._add_under(root, tenant, place, key))

    def _add_under(self, root: RootKey, tenant: str, place: int, key: bytes) -> None:
        row = (tenant or NOBODYS, place, root.wrap_tenant(tenant, place, key))
        self._store.execute(
            f"INSERT INTO {self._table} (tenant, place, wrapped) VALUES (?, ?, ?) IF NOT EXISTS",
            row,
        )
        try:
            self._root.require(root, [row[-1]])
        except RootReplaced:
            self._store.execute(
                f"DELETE FROM {self._table} WHERE tenant = ? AND place = ? IF wrapped = ?", row
            )
            raise

    def _missing(self, what: str) -> KeysMissing:
        return KeysMissing(
            f"{what} is missing in {self._table}, though the log has what needs it: put "
            "its row back from a backup that has it, or load your last export"
        )
