"""What a process remembers of the API keys that it has just looked up."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from memos.kernel.cube import IssuedKey

REMEMBERED_SECONDS = 0.25
"""For so long a tenant's keys are not looked up again; one that another process revoked is refused then."""

USE_TRIED_SECONDS = 60.0
"""Where the use of a key could not be noted, it is tried again after so long."""

_MOST_TENANTS, _MOST_TRIED = 256, 10_000


class RememberedKeys:
    """Tenants' keys. Safe for threads: each step is one of a dictionary's."""

    def __init__(self) -> None:
        self._tenants: dict[str, tuple[Mapping[bytes, IssuedKey], float]] = {}
        self._tried: dict[bytes, float] = {}

    def get(self, tenant: str, key_id: bytes) -> IssuedKey | None:
        """A key as it was within the last REMEMBERED_SECONDS; None where it is to be looked up."""
        found = self._tenants.get(tenant)
        if found is None or time.monotonic() - found[1] > REMEMBERED_SECONDS:
            return None
        return found[0].get(key_id)

    def keep(self, tenant: str, keys: Iterable[IssuedKey], looked_up: float) -> None:
        """Remember all keys of a tenant as they were at a time of the monotonic clock."""
        if len(self._tenants) >= _MOST_TENANTS:
            self._tenants.clear()
        self._tenants[tenant] = {key.key_id: key for key in keys}, looked_up

    def forget(self, tenant: str) -> None:
        """Look a tenant's keys up again: one was changed here."""
        self._tenants.pop(tenant, None)

    def tries(self, key_id: bytes) -> bool:
        """Whether the use of a key is to be noted now; the next is after USE_TRIED_SECONDS."""
        now = time.monotonic()
        tried = self._tried.get(key_id)
        if tried is not None and now - tried < USE_TRIED_SECONDS:
            return False
        if len(self._tried) >= _MOST_TRIED:
            self._tried.clear()
        self._tried[key_id] = now
        return True
