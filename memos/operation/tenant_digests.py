"""Keyed digests: what stands in the clear envelope for a subject, a source or a retried command.

Each is made under a tenant's key, so that only its holders can tell equal from different.
"""

from __future__ import annotations

import hmac
import json
from functools import lru_cache
from hashlib import sha256

from memos.infrastructure.keys.port import KeyVault
from memos.kernel.event import as_uuid
from memos.kernel.keyed_digest import SOURCE, SUBJECT, keyed_digest
from memos.kernel.scope import path_prefixes


class TenantDigests:
    """Makes and looks up the digests of tenants whose keys are in a vault."""

    def __init__(self, keys: KeyVault) -> None:
        self._keys = keys

    def key(self, tenant: str) -> bytes:
        """The tenant's own key; made when absent."""
        return self._keys.tenant_key(tenant)

    def subject(self, tenant: str, subject: str) -> bytes:
        """What stands for a subject."""
        return _digest(self.key(tenant), SUBJECT, subject)

    def sources(self, tenant: str, source: str) -> list[bytes]:
        """What stands for a source: one digest for each of its path prefixes, shortest first."""
        key = self.key(tenant)
        return [_digest(key, SOURCE, prefix) for prefix in path_prefixes(source)]

    def lookups(self, tenant: str, label: bytes, value: str) -> list[bytes]:
        """The digests under which a value may stand: one for each key of the tenant's ring."""
        ring = self._keys.ring(tenant)
        return [keyed_digest(key, label, value.encode()) for key in ring]

    def keyed_ids(self, tenant: str, named: tuple[object, ...]) -> tuple[bytes, bytes, bytes]:
        """The event id, new cube id and digest that an idempotency key always gives.

        Args:
            tenant: under whose key.
            named: what the idempotency key names: actor, operation, target, key, number.
        """
        digest = _named_digest(self.key(tenant), named)
        event_id = as_uuid(sha256(b"event\n" + digest).digest())
        return event_id, _named_cube(digest), digest

    def named_cubes(self, tenant: str, named: tuple[object, ...]) -> list[bytes]:
        """The cube ids that `keyed_ids` gave, or would give: one for each key of the ring."""
        ring = self._keys.ring(tenant)
        return [_named_cube(_named_digest(key, named)) for key in ring]


def _named_digest(tenant_key: bytes, named: tuple[object, ...]) -> bytes:
    return hmac.digest(tenant_key, b"idempotency\x00" + json.dumps(named).encode(), "sha256")


def _named_cube(digest: bytes) -> bytes:
    return as_uuid(sha256(b"cube\n" + digest).digest())


@lru_cache(maxsize=8192)
def _digest(tenant_key: bytes, label: bytes, value: str) -> bytes:
    return keyed_digest(tenant_key, label, value.encode())
