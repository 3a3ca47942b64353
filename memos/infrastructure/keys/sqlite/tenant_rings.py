"""Tenants' keys in a key file: each tenant's ring, its own key first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from memos.infrastructure.keys.envelope import new_key
from memos.infrastructure.keys.root import RootKey
from memos.infrastructure.keys.sqlite.held_root import SqliteHeldRoot, Statement
from memos.infrastructure.keys.sqlite.key_file import tenant_ids
from memos.infrastructure.keys.sqlite.open_key_file import OpenKeyFile
from memos.infrastructure.keys.sqlite.waiting_keys import KeyCollector, WaitingKeys
from memos.infrastructure.sqlite.statements import rows
from memos.kernel.errors import Busy


class SqliteTenantRings:
    """Not safe for threads: the key file's lock is around it.

    Args:
        file: where they are.
        root: the root key that they are wrapped under.
        collector: has those of a thread that wait to be written.
        known_tenants: those whose own keys the vault needs: no other is made in the place of a lost
            one.
    """

    def __init__(
        self,
        file: OpenKeyFile,
        root: SqliteHeldRoot,
        collector: KeyCollector,
        known_tenants: Callable[[], Collection[str]],
    ) -> None:
        self._file = file
        self._root = root
        self._collector = collector
        self._known_tenants = known_tenants
        self._rings: dict[str, list[bytes]] = {}

    def own_key(self, tenant: str, *, create: bool) -> bytes:
        """See `port.KeyVault.tenant_key`."""
        ring = self.ring(tenant)
        if ring:
            return ring[0]
        waiting = self._collector.here()
        if waiting is not None and (create or tenant in waiting.tenants):
            return waiting.tenant_key(tenant)
        if not create:
            raise self._file.missing(f"the key of tenant {tenant!r}")
        self._make_own(tenant)
        return self._read(tenant)[0]

    def ring(self, tenant: str) -> list[bytes]:
        """The keys of a tenant as they were last read; see `port.KeyVault.ring`."""
        return self._rings.get(tenant) or self._stored(tenant)

    def add(self, tenant: str, key: bytes) -> None:
        """Add a key to the tenant's ring, behind those that are there."""
        sql = "INSERT OR IGNORE INTO tenant_key VALUES (?, ?, ?)"
        waiting = self._collector.here()
        if waiting is not None:
            ring = self._stored(tenant)
            if key not in ring:
                waiting.add_tenant_key(tenant, key, is_first=not ring)
            return
        while key not in (ring := self._stored(tenant)):
            # Another process may take the place meanwhile: then the next one is tried.
            wrapped = self._root.current().wrap_tenant(tenant, len(ring), key)
            self._file.write([(sql, (tenant, len(ring), wrapped))])

    def tenants(self) -> list[str]:
        """See `port.KeyVault.tenants`."""
        with self._file.reading() as connection:
            stored = tenant_ids(connection)
        return sorted({*stored, *self._known_tenants()})

    def statements(self, waiting: WaitingKeys) -> Iterator[Statement]:
        """What writes the keys that wait.

        Raises:
            Busy: another process has made one of these tenants' own keys meanwhile.
        """
        sql = "INSERT INTO tenant_key VALUES (?, ?, ?)"
        for tenant, waiting_ring in waiting.tenants.items():
            ring = self._read(tenant)
            if waiting_ring.is_whole and ring:
                raise Busy(
                    f"another process has begun to write for tenant {tenant} meanwhile: nothing was "
                    "taken; try again"
                )
            for place, key in enumerate(waiting_ring.keys, len(ring)):
                yield sql, (tenant, place, self._root.current().wrap_tenant(tenant, place, key))

    def forget(self, tenants: Iterable[str]) -> None:
        """Read the rings of these tenants again."""
        for tenant in tenants:
            self._rings.pop(tenant, None)

    def forget_all(self) -> None:
        """Read every ring again."""
        self._rings.clear()

    def _stored(self, tenant: str) -> list[bytes]:
        """As the file has them now."""
        ring = self._read(tenant)
        if not ring and tenant in self._known_tenants():
            ring = self._read(tenant)  # another process may have made it just now
            if not ring:
                raise self._file.missing(f"the key of tenant {tenant!r}")
        return ring

    def _make_own(self, tenant: str) -> None:
        """Make a tenant's own key; that of whoever else makes it at once stays, and no second."""
        wrapped = self._root.current().wrap_tenant(tenant, 0, new_key())
        self._file.write([("INSERT OR IGNORE INTO tenant_key VALUES (?, 0, ?)", (tenant, wrapped))])

    def _read(self, tenant: str) -> list[bytes]:
        with self._file.reading() as connection:

            def opened(root: RootKey) -> list[bytes]:
                sql = "SELECT place, wrapped FROM tenant_key WHERE tenant = ? ORDER BY place"
                stored = list(rows(connection, sql, (tenant,)))
                if [place for place, _ in stored] != list(range(len(stored))):
                    # Digests are made under the first, and looked up under every one.
                    raise self._file.missing(f"a key in the ring of tenant {tenant!r}")
                return [root.open_tenant(tenant, place, wrapped) for place, wrapped in stored]

            ring = self._root.opened(opened)
        if ring:
            self._rings[tenant] = ring
        return ring
