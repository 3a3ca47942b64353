"""Keys that wait to be written, all together or none: those that a load brings or has to make."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from memos.infrastructure.keys.envelope import new_key


@dataclass(slots=True)
class WaitingRing:
    """Keys of a tenant that wait, in their order.

    Attributes:
        is_whole: the tenant had none: the first of these is its own.
    """

    is_whole: bool
    keys: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class WaitingKeys:
    """What one thread has made and added since it began. For that thread only."""

    thread: int
    tenants: dict[str, WaitingRing] = field(default_factory=dict)
    subjects: dict[tuple[str, bytes], bytes] = field(default_factory=dict)

    def tenant_key(self, tenant: str) -> bytes:
        """The own key of a tenant that has none yet; made when absent."""
        ring = self.tenants.setdefault(tenant, WaitingRing(is_whole=True))
        if not ring.keys:
            ring.keys.append(new_key())
        return ring.keys[0]

    def add_tenant_key(self, tenant: str, key: bytes, *, is_first: bool) -> None:
        """Add a key behind those that wait already; `is_first` where the tenant has no other."""
        ring = self.tenants.setdefault(tenant, WaitingRing(is_whole=is_first))
        if key not in ring.keys:
            ring.keys.append(key)

    def subject_key(self, tenant: str, subject: bytes, *, create: bool) -> bytes | None:
        """A subject's key; None where it does not wait here and is not to be made."""
        if create and (tenant, subject) not in self.subjects:
            self.subjects[tenant, subject] = new_key()
        return self.subjects.get((tenant, subject))


class KeyCollector:
    """Has the keys that wait of the one thread that collects any."""

    def __init__(self) -> None:
        self._waiting: WaitingKeys | None = None

    @contextmanager
    def collecting(self) -> Iterator[WaitingKeys]:
        """Inside, the keys that this thread makes or adds wait."""
        self._waiting = waiting = WaitingKeys(threading.get_ident())
        try:
            yield waiting
        finally:
            self._waiting = None

    def here(self) -> WaitingKeys | None:
        """The keys of this thread that wait, where it collects any."""
        waiting = self._waiting
        return waiting if waiting is not None and waiting.thread == threading.get_ident() else None
