"""What the access log keeps of a query: a digest, under a key that lives a day and dies in a month.

Equal queries of one day are told from different ones, and none can be guessed once its key is gone.
The keys lie with those of the tenant's subjects, and are destroyed as these are.
"""

from __future__ import annotations

from memos.infrastructure.keys.envelope import decrypt, encrypt
from memos.infrastructure.keys.port import KeyVault
from memos.kernel.keyed_digest import keyed_digest

DAY = 86_400_000_000
"""Microseconds."""

RETENTION_DAYS = 30
_LONGEST_PAUSE_DAYS = 400
"""How long a tenant may be asked nothing until a day's key is overlooked when its time has come."""


def query_digest(keys: KeyVault, tenant: str, query: str, time: int) -> bytes:
    """The digest of a query that was asked at a time (microseconds since 1970)."""
    return keyed_digest(_key_of_day(keys, tenant, time // DAY), b"query", _bytes(query))


def seal_query(keys: KeyVault, tenant: str, query: str, time: int, access_id: bytes) -> bytes:
    """The text of a query, sealed under the key of its day."""
    return encrypt(_key_of_day(keys, tenant, time // DAY), _bytes(query), access_id)


def open_query(keys: KeyVault, tenant: str, box: bytes, time: int, access_id: bytes) -> str | None:
    """The text that was sealed; None where the key of its day is gone."""
    key = keys.subject_key(tenant, _name(keys, tenant, time // DAY), create=False)
    if key is None:
        return None
    return decrypt(key, box, access_id).decode("utf-8", "surrogatepass")


def _key_of_day(keys: KeyVault, tenant: str, day: int) -> bytes:
    """The key of a day; whoever makes it ends those that are past the retention."""
    kept = keys.subject_key(tenant, _name(keys, tenant, day), create=False)
    if kept is not None:
        return kept
    oldest = day - RETENTION_DAYS
    keys.destroy(
        tenant,
        [_name(keys, tenant, past) for past in range(oldest - _LONGEST_PAUSE_DAYS, oldest)],
    )
    made = keys.subject_key(tenant, _name(keys, tenant, day))
    assert made is not None  # noqa: S101 - made when absent
    return made


def _name(keys: KeyVault, tenant: str, day: int) -> bytes:
    """Under what the key of a day is kept."""
    return keyed_digest(keys.tenant_key(tenant), b"query day", str(day).encode())


def _bytes(query: str) -> bytes:
    return query.encode("utf-8", "surrogatepass")
