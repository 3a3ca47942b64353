"""Keyed digests: what stands in the clear envelope for a subject, a source or a retried command.

Each is made under a tenant's key, so that only its holders can tell equal from different.
"""

from __future__ import annotations

import hmac
import json
from enum import IntEnum
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from unicodedata import normalize

from memos.infrastructure.keys.port import KeyVault
from memos.kernel.event import as_uuid
from memos.kernel.keyed_digest import DIGEST_BYTES, SOURCE, SUBJECT, keyed_digest
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
        """The digests under which a value may stand: one for each key of the tenant's ring, and for
        each way to write its letters; releases up to 0.1 kept them as they were given.
        """
        ring = self._keys.ring(tenant)
        spelt = dict.fromkeys((value, normalize("NFC", value), normalize("NFD", value)))
        return [keyed_digest(key, label, each.encode()) for key in ring for each in spelt]

    def ring(self, tenant: str) -> list[bytes]:
        """The tenant's keys, its own first; made when absent."""
        return self._keys.ring(tenant) or [self.key(tenant)]


class Rule(IntEnum):
    """By what rule a command under an idempotency key was stored: an event says it by its mark."""

    FORMS = 0
    """Of releases up to 0.1: the fingerprint is over one of `KeyedCommand.former`, an item's own key
    is numbered by its place, and whatever makes a memory is called add."""
    ARGUMENTS = 1
    """The fingerprint is over every argument that differs from its default, as Python shows it;
    whatever makes a memory is called add."""
    COMMANDS = 2
    """The present one: each command by its own name, its arguments as every process writes them."""


class Ids(NamedTuple):
    """What an idempotency key always gives: the event's id, a new cube's id, and the digest of what
    it names.

    An event carries of the digest what tells by what rule it was made.
    """

    event_id: bytes
    cube_id: bytes
    digest: bytes

    def mark(self, rule: Rule = Rule.COMMANDS) -> bytes:
        """What an event under these ids carries that was made by a rule."""
        if rule is Rule.COMMANDS:
            return sha256(b"rule 2\n" + self.digest).digest()[:DIGEST_BYTES]
        return self.digest[rule * DIGEST_BYTES :][:DIGEST_BYTES]

    def rule_of(self, mark: bytes) -> Rule | None:
        """By what rule an event with this mark was made; None where it is none of these ids'."""
        return next((rule for rule in Rule if self.mark(rule) == mark), None)


def keyed_ids(tenant_key: bytes, named: tuple[object, ...]) -> Ids:
    """What an idempotency key gives under one key of a tenant.

    Args:
        tenant_key: what is new stands under the tenant's own; what came from another vault under the
            one that came along.
        named: what the idempotency key names: actor, operation, target, key, number.
    """
    digest = hmac.digest(tenant_key, b"idempotency\x00" + json.dumps(named).encode(), "sha256")
    event_id = as_uuid(sha256(b"event\n" + digest).digest())
    return Ids(event_id, as_uuid(sha256(b"cube\n" + digest).digest()), digest)


@lru_cache(maxsize=8192)
def _digest(tenant_key: bytes, label: bytes, value: str) -> bytes:
    return keyed_digest(tenant_key, label, value.encode())
