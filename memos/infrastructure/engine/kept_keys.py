"""Tenants' keys for a fold that is only compared: none is made, and one that is lost is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from memos.infrastructure.keys.envelope import KEY_BYTES
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.reports import Problem
from memos.kernel.errors import Damaged


class TenantKeys(Protocol):
    """Who gives out the keys of tenants; see `keys.port.KeyVault`."""

    def tenant_key(self, tenant: str, *, create: bool = True) -> bytes: ...


class KeptKeys:
    """The tenants' keys as they are.

    In the place of a lost one something else is given out, so that the fold goes on: what is made
    under it is not to be compared.
    """

    def __init__(self, keys: KeyVault) -> None:
        keys.refresh()  # as they are now, and not as they were a moment ago
        self._keys = keys
        self.lost: dict[str, str] = {}
        """The tenants that were asked for and have no key, with what is said of each."""

    def tenant_key(self, tenant: str, *, create: bool = False) -> bytes:
        """The tenant's own key; zeros in the place of a lost one."""
        if tenant not in self.lost:
            try:
                return self._keys.tenant_key(tenant, create=False)
            except Damaged as error:  # lost, or not what was written
                self.lost[tenant] = str(error)
        return bytes(KEY_BYTES)

    def problems(self) -> Iterator[Problem]:
        """What is said of the keys that are lost."""
        for tenant, why in sorted(self.lost.items()):
            yield _lost(tenant, why)


def lost_keys(keys: KeyVault) -> Iterator[Problem]:
    """The tenants that need a key of their own, and whose ring is not whole."""
    for tenant in keys.tenants():
        try:
            keys.ring(tenant)
        except Damaged as error:
            yield _lost(tenant, str(error))


def _lost(tenant: str, why: str) -> Problem:
    return Problem(f"tenant {tenant!r}", why)
