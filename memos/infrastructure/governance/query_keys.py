"""What the access log keeps of a query: a digest, under a key that lives a day and dies in a month.

Equal queries of one day are told from different ones, and none can be guessed once its key is gone.
The keys lie with those of the tenant's subjects, and are destroyed as these are. Of a tenant that has
no key of its own nothing is kept here yet, and asking makes none.
"""

from __future__ import annotations

import re
from typing import Protocol

from memos.infrastructure.keys.envelope import decrypt, encrypt
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.settings_seal import QUERY_KEYS
from memos.kernel.errors import Damaged
from memos.kernel.keyed_digest import keyed_digest

DAY = 86_400_000_000
"""Microseconds."""

RETENTION_DAYS = 30
_UNSAID_DAYS = 400
"""How far back keys are looked for in a vault that does not say up to where they are gone."""
_MOST_DAYS = 36_525
"""The same in one that does: what is damaged there, or a clock, may say anything."""


class QueryKeyStore(Protocol):
    """What has the keys of days, and says up to which they are gone."""

    @property
    def keys(self) -> KeyVault: ...

    def setting(self, name: str) -> str: ...

    def keep_setting(self, name: str, value: str) -> None: ...


def query_digest(keys: KeyVault, tenant: str, query: str, time: int) -> bytes:
    """The digest of a query that was asked at a time (microseconds since 1970); empty where the tenant
    has no key.
    """
    key = _key_of_day(keys, tenant, time // DAY)
    return b"" if key is None else keyed_digest(key, b"query", _bytes(query))


def seal_query(
    keys: KeyVault, tenant: str, query: str, time: int, access_id: bytes
) -> bytes | None:
    """The text of a query, sealed under the key of its day; None where the tenant has no key."""
    key = _key_of_day(keys, tenant, time // DAY)
    return None if key is None else encrypt(key, _bytes(query), access_id)


def open_query(keys: KeyVault, tenant: str, box: bytes, time: int, access_id: bytes) -> str | None:
    """The text that was sealed; None where the key of its day is gone."""
    name = _name(keys.tenant_key(tenant, create=False), time // DAY)
    key = keys.subject_key(tenant, name, create=False)
    if key is None:
        return None
    return decrypt(key, box, access_id).decode("utf-8", "surrogatepass")


def end_keys(store: QueryKeyStore, now: int) -> None:
    """Destroy the keys of the days that are past the retention at a time, of every tenant."""
    oldest = now // DAY - RETENTION_DAYS
    said = store.setting(QUERY_KEYS)
    if said == str(oldest):
        return
    first = int(said) if re.fullmatch(r"[0-9]{1,7}", said) else oldest - _UNSAID_DAYS
    days = range(max(first, oldest - _MOST_DAYS), oldest)
    for tenant in store.keys.tenants() if days else ():
        own = _tenant_key(store.keys, tenant)
        if own is not None:
            store.keys.destroy(tenant, [_name(own, day) for day in days])
    store.keep_setting(QUERY_KEYS, str(oldest))


def _key_of_day(keys: KeyVault, tenant: str, day: int) -> bytes | None:
    """The key of a day, made when absent; None where the tenant has none that opens."""
    own = _tenant_key(keys, tenant)
    return None if own is None else keys.subject_key(tenant, _name(own, day))


def _tenant_key(keys: KeyVault, tenant: str) -> bytes | None:
    """A tenant's own key; None where there is none, or it is lost, which `verify` names."""
    try:
        return keys.tenant_key(tenant, create=False)
    except Damaged:
        return None


def _name(tenant_key: bytes, day: int) -> bytes:
    """Under what the key of a day is kept."""
    return keyed_digest(tenant_key, b"query day", str(day).encode())


def _bytes(query: str) -> bytes:
    return query.encode("utf-8", "surrogatepass")
