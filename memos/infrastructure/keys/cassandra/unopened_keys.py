"""Which keys in Cassandra do not open under the root key, and whether it is the vault's at all."""

from __future__ import annotations

from collections.abc import Iterator

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.keys.cassandra.held_root import CassandraHeldRoot
from memos.infrastructure.keys.cassandra.renewal import NOBODYS
from memos.infrastructure.keys.root import RootKey

_TRIED_KEYS = 20  # one that was damaged is no reason to call the root key another
_SHUT = "does not open under the root key"


def opens_tenants(store: CassandraSession, root: RootKey) -> bool | None:
    """Whether a root key opens a tenant's key of those that a vault keeps; None where it has none."""
    table = f"{store.settings.keyspace}.tenant_key"
    rows = store.execute(f"SELECT tenant, place, wrapped FROM {table} LIMIT {_TRIED_KEYS}")
    if not rows:
        return None
    return any(
        root.opens_tenant("" if tenant == NOBODYS else tenant, place, wrapped)
        for tenant, place, wrapped in rows
    )


def unopened_keys(store: CassandraSession, held: CassandraHeldRoot) -> Iterator[tuple[str, str]]:
    """The keys that do not open under the root key, or are missing in a ring, and why."""
    held.follow(held.key)
    root, base, places = held.key, store.settings.keyspace, dict[str, int]()
    rings = store.stream(f"SELECT tenant, place, wrapped FROM {base}.tenant_key")
    for stored, place, wrapped in rings:
        tenant = "" if stored == NOBODYS else stored
        if place != places.get(tenant, 0):
            yield f"tenant {tenant!r}", f"at place {places.get(tenant, 0)} is missing"
        places[tenant] = place + 1
        if not root.opens_tenant(tenant, place, wrapped):
            yield f"tenant {tenant!r}", _SHUT
    subjects = store.stream(f"SELECT tenant, subject, wrapped FROM {base}.subject_key")
    for tenant, subject, wrapped in subjects:
        if not root.opens_subject(tenant, subject, wrapped):
            yield f"subject {subject.hex()}", _SHUT
