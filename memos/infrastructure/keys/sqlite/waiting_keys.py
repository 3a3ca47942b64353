"""Keys that wait to be written, all together or none: those that a load brings or has to make."""

from __future__ import annotations

from dataclasses import dataclass, field

from memos.infrastructure.keys.envelope import new_key


@dataclass(slots=True)
class WaitingRing:
    """A tenant's keys that wait: its own where it had none, and those that are to stand behind."""

    own: bytes | None = None
    added: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class WaitingKeys:
    """What one thread has made and added since it began. For that thread only."""

    thread: int
    tenants: dict[str, WaitingRing] = field(default_factory=dict)
    subjects: dict[tuple[str, bytes], bytes] = field(default_factory=dict)

    def tenant_key(self, tenant: str) -> bytes:
        """The own key of a tenant that has none yet; made when absent."""
        ring = self.tenants.setdefault(tenant, WaitingRing())
        if ring.own is None:
            ring.own = new_key()
        return ring.own

    def add_tenant_key(self, tenant: str, key: bytes) -> None:
        """Add a key to the tenant's ring, behind those that wait already."""
        ring = self.tenants.setdefault(tenant, WaitingRing())
        if key not in (ring.own, *ring.added):
            ring.added.append(key)

    def subject_key(self, tenant: str, subject: bytes, *, create: bool) -> bytes | None:
        """A subject's key; None where it does not wait here and is not to be made."""
        if create and (tenant, subject) not in self.subjects:
            self.subjects[tenant, subject] = new_key()
        return self.subjects.get((tenant, subject))
