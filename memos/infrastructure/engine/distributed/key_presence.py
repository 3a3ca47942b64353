"""Which keys a distributed vault needs, and does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from memos.infrastructure.engine.reader import has_no_key
from memos.infrastructure.engine.replay import CREATING
from memos.infrastructure.keys.cassandra.cube_keys import CassandraCubeKeys
from memos.infrastructure.keys.cassandra.tenant_rings import VaultTenants
from memos.infrastructure.vault.cassandra.heads import Head
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.state import checksum, state_from_bytes

HEADS_AT_ONCE = 500


def tenants_of(live: Callable[[], CassandraVault]) -> VaultTenants:
    """The tenants of a vault, for its key store.

    Args:
        live: gives the vault that is folded into now. It is asked only where a key is not there.
    """
    return VaultTenants(lambda tenant: needs_tenant(live(), tenant), lambda: live().tenants())


def needs_tenant(vault: CassandraVault, tenant: str) -> bool:
    """Whether the log holds what takes a tenant's own key to make: a memory's subject, or the id of a
    named cut, is a digest under it.
    """
    if not tenant:
        return vault.has_cuts()
    queries = (LogQuery(scope=tenant, kind=kind) for kind in sorted(CREATING))
    return any(made.state is not None for query in queries for made in vault.query(query))


def cubes_without_keys(
    cube_keys: CassandraCubeKeys, vault: CassandraVault, heads: Iterable[Head]
) -> list[bytes]:
    """The memories of some heads that nobody erased and whose key, or one that it needs, is not
    there. A head that is damaged is passed over.
    """
    having = [
        cube_id
        for cube_id, stored, check in heads
        if checksum(stored) == check and not has_no_key(state_from_bytes(stored))
    ]
    missing = cube_keys.without_keys(having)
    # An erase may have ended since the heads were read.
    return [cube_id for cube_id in missing if not has_no_key(vault.head(cube_id))]
