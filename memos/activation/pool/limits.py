"""How many bytes a tier may hold, of all tenants and of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Limits:
    """The bytes that a tier may hold.

    Attributes:
        total: of all tenants together.
        each: of each tenant; None for no other limit than the total.
        of: of tenants that have a quota of their own, by name.
    """

    total: int
    each: int | None = None
    of: Mapping[str, int] = field(default_factory=dict)

    def quota(self, tenant: str) -> int:
        """The most that a tenant may hold."""
        return self.of.get(tenant, self.total if self.each is None else self.each)

    def labelled(self, label: Callable[[str], str]) -> Limits:
        """The same limits, with tenants by their labels."""
        return replace(self, of={label(tenant): most for tenant, most in self.of.items()})


class Account:
    """Bytes by tenant, and in all."""

    def __init__(self) -> None:
        self.total = 0
        self.of: Counter[str] = Counter()

    def add(self, tenant: str, size: int) -> None:
        """Count bytes, or, below 0, count them off."""
        self.total += size
        self.of[tenant] += size
        if not self.of[tenant]:
            del self.of[tenant]
