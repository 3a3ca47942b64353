"""Segments that move between tiers: down when room is made, up when they are leased."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Condition
from time import perf_counter

from memos.activation.pool.cost import Candidate
from memos.activation.pool.figures import Refusal
from memos.activation.pool.holdings import Found, Holdings
from memos.activation.pool.inventory import Inventory
from memos.activation.pool.stored import Stored
from memos.activation.segment import Segment
from memos.kernel.errors import VaultError


class Moves:
    """Copies without the lock, on segments that are held, into room that is reserved before.

    Args:
        holdings: what moves; its lock is taken here, never by the caller.
    """

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._lock = holdings.lock
        self._loading: set[tuple[str, bytes]] = set()
        self._loaded = Condition(holdings.lock)

    def reserve(self, level: int, tenant: str, size: int) -> bool:
        """Hold room in a tier, and make it where there is not enough; False where that cannot be."""
        inventory = self._holdings.inventories[level]
        while True:
            with self._lock:
                if inventory.reserve(tenant, size):
                    return True
                victim = inventory.choose_victim(tenant, size)
            if victim is None:
                return False
            try:
                self._copy_down(level, victim)
            finally:
                with self._lock:
                    inventory.let_go(victim)
                    self._holdings.evict(level, victim)

    def take(self, offered: Stored, segment: Segment, parent: Stored | None) -> Refusal | None:
        """Take a segment into the first tier, behind a parent that is held there; None where it is there
        now.
        """
        first, inventory = self._holdings.tiers[0], self._holdings.inventories[0]
        if not self.reserve(0, offered.tenant, segment.bytes):
            return Refusal.NO_ROOM
        try:
            made = first.write(segment, offered)
        except BaseException:
            with self._lock:
                inventory.give_up(offered.tenant, segment.bytes)
            raise
        with self._lock:
            is_there = self._is_there(0, offered)
            is_orphan = parent is not None and parent.is_gone
            if made is None or is_there or is_orphan:
                inventory.give_up(offered.tenant, segment.bytes)
                self._holdings.counts.duplicates += is_there
                if is_there:
                    return None
                return Refusal.NO_PARENT if is_orphan else Refusal.NO_ROOM
            self._holdings.put(0, made, segment.bytes)
            return None

    def load(self, tenant: str, key: bytes) -> Found | None:
        """Take a segment up into the first tier and hold it there; from where it came. None where that
        cannot be. Threads that want the same one wait for the first of them.
        """
        with self._lock:
            self._loaded.wait_for(lambda: (tenant, key) not in self._loading)
            found = self._holdings.find(tenant, key)
            if found is None:
                return None
            level, source = found
            self._holdings.inventories[level].hold(source)
            if not level:
                return found
            self._loading.add((tenant, key))
        try:
            made = self._take_up(level, source)
        finally:
            with self._lock:
                self._holdings.inventories[level].let_go(source)
                self._loading.discard((tenant, key))
                self._loaded.notify_all()
        return None if made is None else (level, made)

    def save(self) -> int:
        """Copy to the last tier what would be loaded from there, and is not there yet; how many those were."""
        *upper, _ = self._holdings.inventories
        with self._lock:
            listed = [(inventory, stored) for inventory in upper for stored in inventory.all()]
        listed.sort(key=lambda one: one[1].start)
        return sum(self._save(inventory, stored) for inventory, stored in listed)

    def adopt(self, level: int, found: Iterable[Stored]) -> None:
        """Take into a tier what is there already; what it may not hold is removed."""
        inventory = self._holdings.inventories[level]
        for stored in sorted(found, key=lambda one: one.start):
            with self._lock:
                if inventory.reserve(stored.tenant, stored.bytes):
                    self._holdings.put(level, stored, stored.bytes)
                else:
                    self._holdings.tiers[level].discard(stored)

    def _save(self, inventory: Inventory, stored: Stored) -> bool:
        last = len(self._holdings.tiers) - 1
        with self._lock:
            if stored.is_gone or self._is_there(last, stored):
                return False
            inventory.hold(stored)
        try:
            return self._write_to(last, stored)
        finally:
            with self._lock:
                inventory.let_go(stored)

    def _copy_down(self, level: int, stored: Stored) -> None:
        """Write a segment that is held to the next tier below that takes it."""
        for below in range(level + 1, len(self._holdings.tiers)):
            if self._write_to(below, stored):
                return

    def _write_to(self, level: int, source: Stored) -> bool:
        """Write a segment that is held to a tier, unless it is there; whether it is now.

        Nothing refers to its tensor any more once this is over: letting it go may end its bytes' count.
        """
        tier = self._holdings.tiers[level]
        with self._lock:
            segment = source.segment
            if segment is None or self._is_there(level, source):
                return segment is not None
            size = tier.most_bytes(segment)
            if not self._is_worth_keeping(Candidate(level, size, source.milliseconds)):
                return False
        if not self.reserve(level, source.tenant, size):
            return False
        made = None
        try:
            made = tier.write(segment, source)
        finally:
            with self._lock:
                is_kept = self._settle(level, source, made, size)
        return is_kept

    def _settle(self, level: int, source: Stored, made: Stored | None, reserved: int) -> bool:
        """Put what was written into its room, unless it was written twice or withdrawn meanwhile."""
        tier, inventory = self._holdings.tiers[level], self._holdings.inventories[level]
        is_there = self._is_there(level, source)
        if made is None or source.is_gone or is_there:
            inventory.give_up(source.tenant, reserved)
            if made is not None and not is_there:
                tier.discard(made)
            return is_there
        self._holdings.put(level, made, reserved)
        self._holdings.counts.demotions[tier.name] += 1
        return True

    def _take_up(self, level: int, source: Stored) -> Stored | None:
        holdings = self._holdings
        tier, first, inventory = holdings.tiers[level], holdings.tiers[0], holdings.inventories[0]
        reserved = source.segment_bytes
        if not self.reserve(0, source.tenant, reserved):
            with self._lock:
                holdings.counts.no_room_to_load += 1
            return None
        begun = perf_counter()
        try:
            segment = tier.read(source)
            made = None if segment is None else first.write(segment, source)
        except VaultError:
            with self._lock:
                inventory.give_up(source.tenant, reserved)
                holdings.counts.unavailable += 1
            return None
        except BaseException:
            with self._lock:
                inventory.give_up(source.tenant, reserved)
            raise
        milliseconds = (perf_counter() - begun) * 1e3
        with self._lock:
            if made is None or source.is_gone:
                inventory.give_up(source.tenant, reserved)
                if segment is None and not source.is_gone:
                    holdings.forget(level, source)  # what cannot be read is of no use
                return None
            self._count_load(level, source, milliseconds)
            holdings.put(0, made, reserved)
            inventory.hold(made)
            if not tier.keeps_loaded:
                holdings.forget(level, source)
        return made

    def _count_load(self, level: int, source: Stored, milliseconds: float) -> None:
        holdings = self._holdings
        candidate = holdings.candidate((level, source))
        predicted = holdings.costs.expected(candidate)
        holdings.inventories[level].touch(source)
        holdings.counts.loads[holdings.tiers[level].name] += 1
        holdings.counts.judge(holdings.costs.loaded(candidate, predicted, milliseconds))

    def _is_there(self, level: int, stored: Stored) -> bool:
        return self._holdings.inventories[level].trie(stored.tenant).get(stored.key) is not None

    def _is_worth_keeping(self, candidate: Candidate) -> bool:
        holdings = self._holdings
        is_worth = holdings.costs.worth_keeping(candidate)
        if not is_worth:
            holdings.costs.declined(candidate)
            holdings.counts.not_worth_keeping += 1
        return is_worth
