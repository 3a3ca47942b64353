"""What a process remembers of the API keys that it has just looked up."""

from __future__ import annotations

import time

from memos.kernel.cube import IssuedKey

REMEMBERED_SECONDS = 0.25
"""For so long a key is not looked up again; one that another process revoked is refused then."""

USE_TRIED_SECONDS = 60.0
"""Where the use of a key could not be noted, it is tried again after so long."""

_MOST = 4096


class RememberedKeys:
    """Keys by their tenant and id. Safe for threads: each step is one of a dictionary's."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, bytes], tuple[IssuedKey, float]] = {}
        self._tried: dict[bytes, float] = {}

    def get(self, tenant: str, key_id: bytes) -> IssuedKey | None:
        """A key as it was within the last REMEMBERED_SECONDS; None where it is to be looked up."""
        found = self._keys.get((tenant, key_id))
        if found is None or time.monotonic() - found[1] > REMEMBERED_SECONDS:
            return None
        return found[0]

    def keep(self, tenant: str, key: IssuedKey, looked_up: float) -> None:
        """Remember a key as it was at a time of the monotonic clock."""
        if len(self._keys) >= _MOST:
            self._keys.clear()
        self._keys[tenant, key.key_id] = key, looked_up

    def forget(self) -> None:
        """Look every key up again: one was changed here."""
        self._keys.clear()

    def tries(self, key_id: bytes) -> bool:
        """Whether the use of a key is to be noted now; the next is after USE_TRIED_SECONDS."""
        now = time.monotonic()
        tried = self._tried.get(key_id)
        if tried is not None and now - tried < USE_TRIED_SECONDS:
            return False
        if len(self._tried) >= _MOST:
            self._tried.clear()
        self._tried[key_id] = now
        return True
