"""What the tiers of a pool hold, as one: found, forgotten and pinned across them.

In every tier a segment's parent stands in the same tier or a faster one, or nowhere (then it cannot be
leased until that is computed again): room is made leaf-first, and what is loaded is loaded root first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Lock

from memos.activation.pool.cost import CostModel, Loadable
from memos.activation.pool.eviction import EvictionPolicy
from memos.activation.pool.figures import Counts
from memos.activation.pool.stored_segment import StoredSegment
from memos.activation.pool.tier import Tier
from memos.activation.pool.tier_contents import TierContents

Found = tuple[int, StoredSegment]
"""A tier by its number, and what is known of a segment there."""


class Holdings:
    """All that changes at once when a segment comes or goes. Every method needs `lock`.

    Args:
        tiers: the fastest first, from which segments are used.
        policy: makes each tier's policy.
        label: what stands for a tenant.
    """

    def __init__(
        self,
        tiers: Sequence[Tier],
        policy: Callable[[], EvictionPolicy],
        label: Callable[[str], str],
    ) -> None:
        self.lock = Lock()
        self.tiers = tuple(tiers)
        self.contents = [TierContents(tier.limits.labelled(label), policy()) for tier in tiers]
        self.costs = CostModel(tier.bytes_per_second for tier in tiers)
        self.counts = Counts()
        self._pins: set[tuple[str, bytes]] = set()

    def find(self, tenant: str, key: bytes) -> Found | None:
        """Where the fastest tier is that has a segment."""
        return next(self.everywhere(tenant, key), None)

    def everywhere(self, tenant: str, key: bytes) -> Iterator[Found]:
        """Each tier that has a segment, the fastest first."""
        for level, contents in enumerate(self.contents):
            stored = contents.trie(tenant).get(key)
            if stored is not None:
                yield level, stored

    def find_chain(
        self, tenant: str, keys: Sequence[bytes], behind: StoredSegment | None
    ) -> list[Found]:
        """The longest prefix of a chain that the tiers have between them, behind a segment or as a root."""
        found: list[Found] = []
        for key in keys:
            one = self.find(tenant, key)
            if one is None or not follows(one[1], behind):
                break
            found.append(one)
            behind = one[1]
        return found

    def loadable(self, found: Found) -> Loadable:
        """A segment as the cost model sees it."""
        level, stored = found
        return Loadable(level, stored.bytes, stored.milliseconds)

    def put(self, level: int, made: StoredSegment, reserved: int) -> None:
        """Put a segment that was written into the room that was reserved for it."""
        self.contents[level].add(made, reserved)
        if (made.tenant, made.key) in self._pins:
            self._pin(level, made)

    def forget(self, level: int, stored: StoredSegment) -> None:
        """Take a segment out of a tier."""
        self.contents[level].remove(stored)
        self._unpin(level, stored)
        self.tiers[level].discard(stored)

    def evict(self, level: int, stored: StoredSegment) -> None:
        """Take a segment out of a tier, to make room, if nobody has come to need it there meanwhile."""
        if not self.contents[level].is_evictable(stored):
            return
        self.contents[level].evict(stored)
        self.tiers[level].discard(stored)
        self.counts.evictions[self.tiers[level].name] += 1
        if self.find(stored.tenant, stored.key) is None:
            # Nothing is leased behind a segment that no tier has.
            for key in self._below(stored.tenant, stored.key):
                self.withdraw(stored.tenant, key)

    def withdraw(self, tenant: str, key: bytes) -> int:
        """Take a segment and everything below it out of all tiers, held or not; how many those were."""
        withdrawn = 0
        waiting = [key]
        while waiting:
            key = waiting.pop()
            self._pins.discard((tenant, key))
            waiting.extend(self._below(tenant, key))
            there = list(self.everywhere(tenant, key))
            for level, stored in there:
                self.forget(level, stored)
            withdrawn += bool(there)
        self.counts.withdrawn += withdrawn
        return withdrawn

    def withdraw_tenant(self, tenant: str) -> int:
        """Take everything of a tenant out of all tiers; how many segments those were."""
        self._pins = {pin for pin in self._pins if pin[0] != tenant}
        keys = {stored.key for each in self.contents for stored in each.trie(tenant)}
        return sum(self.withdraw(tenant, key) for key in keys)

    def pin(self, tenant: str, key: bytes) -> None:
        """Keep a segment in every tier that has it now or comes to have it."""
        self._pins.add((tenant, key))
        for level, stored in self.everywhere(tenant, key):
            if not stored.is_pinned:
                self._pin(level, stored)

    def unpin(self, tenant: str, key: bytes) -> None:
        """Undo a `pin`."""
        self._pins.discard((tenant, key))
        for level, stored in self.everywhere(tenant, key):
            self._unpin(level, stored)

    def _below(self, tenant: str, key: bytes) -> list[bytes]:
        return [child for each in self.contents for child in each.trie(tenant).children(key)]

    def _pin(self, level: int, stored: StoredSegment) -> None:
        stored.is_pinned = True
        self.contents[level].hold(stored)

    def _unpin(self, level: int, stored: StoredSegment) -> None:
        if stored.is_pinned:
            stored.is_pinned = False
            self.contents[level].let_go(stored)


def follows(stored: StoredSegment, parent: StoredSegment | None) -> bool:
    """Whether a segment stands right behind another, or at the beginning."""
    if parent is None:
        return not stored.parent and not stored.start
    return stored.parent == parent.key and stored.start == parent.start + parent.tokens
