"""What one tier holds: byte-accurate, leaf-first, tenants apart."""

from __future__ import annotations

from collections.abc import Iterator

from memos.activation.pool.eviction import EvictionPolicy
from memos.activation.pool.eviction_queue import EvictionQueue
from memos.activation.pool.limits import Account, Limits
from memos.activation.pool.stored_segment import StoredSegment
from memos.activation.pool.trie import Trie

_EMPTY = Trie()


class TierContents:
    """Counts before anything is taken: room is reserved, then filled. Not safe for threads: its pool's
    lock guards it.

    Args:
        limits: what it may hold; quotas by the labels of tenants.
        policy: which segments go first.
    """

    def __init__(self, limits: Limits, policy: EvictionPolicy) -> None:
        self._limits = limits
        self._policy = policy
        self._tries: dict[str, Trie] = {}
        self._queue = EvictionQueue(self.is_evictable)
        self._queue_of: dict[str, EvictionQueue] = {}
        self._held = Account()
        self.used = Account()
        """Bytes of what is stored, of what is gone and still held, and of room that is reserved."""
        self.peak = 0
        """The most bytes that were used at any time."""

    def trie(self, tenant: str) -> Trie:
        """What is stored of a tenant."""
        return self._tries.get(tenant, _EMPTY)

    def all(self) -> Iterator[StoredSegment]:
        """What is stored of all tenants."""
        return (stored for trie in self._tries.values() for stored in trie)

    def reserve(self, tenant: str, size: int) -> bool:
        """Hold room for a segment; False where there is not enough."""
        if not self._fits(self.used, tenant, size):
            return False
        self.used.add(tenant, size)
        self._held.add(tenant, size)
        self.peak = max(self.peak, self.used.total)
        return True

    def give_up(self, tenant: str, size: int) -> None:
        """Give back room that was reserved."""
        self.used.add(tenant, -size)
        self._held.add(tenant, -size)

    def add(self, stored: StoredSegment, reserved: int) -> None:
        """Put a segment into room that was reserved for it, which is at least its bytes."""
        self.give_up(stored.tenant, reserved)
        self.used.add(stored.tenant, stored.bytes)
        self._tries.setdefault(stored.tenant, Trie()).add(stored)
        self._rank(stored)
        self._let_be_found(stored)

    def remove(self, stored: StoredSegment) -> None:
        """Forget a segment. While it is held, its bytes count on: its tensor is still there."""
        trie = self._tries[stored.tenant]
        trie.remove(stored)
        stored.is_gone = True
        stored.segment = None
        for queue in self._both(stored.tenant):
            queue.remove(stored)
        if not stored.holds:
            self.used.add(stored.tenant, -stored.bytes)
        parent = trie.get(stored.parent)
        if parent is not None:
            self._let_be_found(parent)
        if not len(trie):
            del self._tries[stored.tenant]
            self._queue_of.pop(stored.tenant, None)

    def touch(self, stored: StoredSegment) -> None:
        """Count a use."""
        stored.uses += 1
        self._rank(stored)

    def hold(self, stored: StoredSegment) -> None:
        """Keep a segment here until it is let go."""
        if not stored.holds:
            self._held.add(stored.tenant, stored.bytes)
        stored.holds += 1

    def let_go(self, stored: StoredSegment) -> None:
        """Undo a `hold`."""
        stored.holds -= 1
        if stored.holds:
            return
        self._held.add(stored.tenant, -stored.bytes)
        if stored.is_gone:
            self.used.add(stored.tenant, -stored.bytes)
        else:
            self._let_be_found(stored)

    def choose_victim(self, tenant: str, size: int) -> StoredSegment | None:
        """The segment to evict next to make room, held by the caller from now on.

        None where evicting all that may be evicted would not make enough room.
        """
        if not self._fits(self._held, tenant, size):
            return None
        over_quota = self.used.of[tenant] + size > self._limits.quota(tenant)
        queue = self._queue_of.get(tenant) if over_quota else self._queue
        victim = queue.take() if queue else None
        if victim is not None:
            self.hold(victim)
        return victim

    def is_evictable(self, stored: StoredSegment) -> bool:
        """Whether nobody holds a segment and none is stored below it."""
        return (
            not stored.holds
            and not stored.is_gone
            and self._tries[stored.tenant].is_leaf(stored.key)
        )

    def evict(self, stored: StoredSegment) -> None:
        """Forget a segment that may be evicted, and let the policy learn of it."""
        self._policy.evicted(stored.priority)
        self.remove(stored)

    def _fits(self, account: Account, tenant: str, size: int) -> bool:
        in_all, of_tenant = account.total + size, account.of[tenant] + size
        return in_all <= self._limits.total and of_tenant <= self._limits.quota(tenant)

    def _rank(self, stored: StoredSegment) -> None:
        stored.priority = self._policy.priority(stored.uses, stored.milliseconds, stored.bytes)

    def _let_be_found(self, stored: StoredSegment) -> None:
        if self.is_evictable(stored):
            for queue in self._both(stored.tenant):
                queue.add(stored)

    def _both(self, tenant: str) -> tuple[EvictionQueue, EvictionQueue]:
        own = self._queue_of.get(tenant)
        if own is None:
            own = self._queue_of[tenant] = EvictionQueue(self.is_evictable)
        return self._queue, own
