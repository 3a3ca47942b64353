"""Segments that move between tiers: down when room is made, up when they are leased."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Condition
from time import perf_counter

from memos.activation.pool.cost import Loadable
from memos.activation.pool.figures import Refusal
from memos.activation.pool.holdings import Found, Holdings
from memos.activation.pool.stored_segment import StoredSegment
from memos.activation.pool.tier_contents import TierContents
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
        contents = self._holdings.contents[level]
        while True:
            with self._lock:
                if contents.reserve(tenant, size):
                    return True
                victim = contents.choose_victim(tenant, size)
            if victim is None:
                return False
            try:
                self._copy_down(level, victim)
            finally:
                with self._lock:
                    contents.let_go(victim)
                    self._holdings.evict(level, victim)

    def take(
        self, offered: StoredSegment, segment: Segment, parent: StoredSegment | None
    ) -> Refusal | None:
        """Take a segment into the first tier, behind a parent that is held there; None where it is there
        now.
        """
        first, contents = self._holdings.tiers[0], self._holdings.contents[0]
        if not self.reserve(0, offered.tenant, segment.bytes):
            return Refusal.NO_ROOM
        try:
            made = first.write(segment, offered)
        except BaseException:
            with self._lock:
                contents.give_up(offered.tenant, segment.bytes)
            raise
        with self._lock:
            is_there = self._is_there(0, offered)
            is_orphan = parent is not None and parent.is_gone
            if made is None or is_there or is_orphan:
                if made is not None:
                    first.discard(made)  # its tensor goes before its room does
                contents.give_up(offered.tenant, segment.bytes)
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
            self._holdings.contents[level].hold(source)
            if not level:
                return found
            self._loading.add((tenant, key))
        try:
            made = self._take_up(level, source)
        finally:
            with self._lock:
                self._holdings.contents[level].let_go(source)
                self._loading.discard((tenant, key))
                self._loaded.notify_all()
        return None if made is None else (level, made)

    def save(self) -> int:
        """Copy to the last tier what would be loaded from there, and is not there yet; how many those were."""
        *upper, _ = self._holdings.contents
        with self._lock:
            listed = [(contents, stored) for contents in upper for stored in contents.all()]
        listed.sort(key=lambda one: one[1].start)
        return sum(self._save(contents, stored) for contents, stored in listed)

    def adopt(self, level: int, found: Iterable[StoredSegment]) -> None:
        """Take into a tier what is there already; what it may not hold is removed."""
        contents = self._holdings.contents[level]
        for stored in sorted(found, key=lambda one: one.start):
            with self._lock:
                if contents.reserve(stored.tenant, stored.bytes):
                    self._holdings.put(level, stored, stored.bytes)
                else:
                    self._holdings.tiers[level].discard(stored)

    def _save(self, contents: TierContents, stored: StoredSegment) -> bool:
        last = len(self._holdings.tiers) - 1
        with self._lock:
            if stored.is_gone or self._is_there(last, stored):
                return False
            contents.hold(stored)
        try:
            return self._write_to(last, stored)
        finally:
            with self._lock:
                contents.let_go(stored)

    def _copy_down(self, level: int, stored: StoredSegment) -> None:
        """Write a segment that is held to the next tier below that takes it."""
        for below in range(level + 1, len(self._holdings.tiers)):
            if self._write_to(below, stored):
                return

    def _write_to(self, level: int, source: StoredSegment) -> bool:
        """Write a segment that is held to a tier, unless it is there; whether it is now.

        Nothing refers to its tensor any more once this is over: letting it go may end its bytes' count.
        """
        tier = self._holdings.tiers[level]
        with self._lock:
            segment = source.segment
            if segment is None or self._is_there(level, source):
                return segment is not None
            size = tier.most_bytes(segment)
            if not self._is_worth_keeping(Loadable(level, size, source.milliseconds)):
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

    def _settle(
        self, level: int, source: StoredSegment, made: StoredSegment | None, reserved: int
    ) -> bool:
        """Put what was written into its room, unless it was written twice or withdrawn meanwhile."""
        tier, contents = self._holdings.tiers[level], self._holdings.contents[level]
        is_there = self._is_there(level, source)
        if made is None or source.is_gone or is_there:
            if made is not None and not is_there:
                tier.discard(made)
            contents.give_up(source.tenant, reserved)
            return is_there
        self._holdings.put(level, made, reserved)
        self._holdings.counts.demotions[tier.name] += 1
        return True

    def _take_up(self, level: int, source: StoredSegment) -> StoredSegment | None:
        holdings = self._holdings
        tier, first, contents = holdings.tiers[level], holdings.tiers[0], holdings.contents[0]
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
                contents.give_up(source.tenant, reserved)
                holdings.counts.unavailable += 1
            return None
        except BaseException:
            with self._lock:
                contents.give_up(source.tenant, reserved)
            raise
        milliseconds = (perf_counter() - begun) * 1e3
        with self._lock:
            there = contents.trie(source.tenant).get(source.key)
            if made is not None and (source.is_gone or there is not None):
                first.discard(made)  # its tensor goes before its room does
            if made is None or source.is_gone:
                contents.give_up(source.tenant, reserved)
                if segment is None and not source.is_gone:
                    holdings.forget(level, source)  # what cannot be read is of no use
                return None
            if there is not None:  # somebody computed it meanwhile
                contents.give_up(source.tenant, reserved)
                contents.hold(there)
                return there
            self._count_load(level, source, milliseconds)
            holdings.put(0, made, reserved)
            contents.hold(made)
            if not tier.keeps_loaded:
                holdings.forget(level, source)
        return made

    def _count_load(self, level: int, source: StoredSegment, milliseconds: float) -> None:
        holdings = self._holdings
        loadable = holdings.loadable((level, source))
        predicted = holdings.costs.expected(loadable)
        holdings.contents[level].touch(source)
        holdings.counts.loads[holdings.tiers[level].name] += 1
        holdings.counts.judge(holdings.costs.loaded(loadable, predicted, milliseconds))

    def _is_there(self, level: int, stored: StoredSegment) -> bool:
        return self._holdings.contents[level].trie(stored.tenant).get(stored.key) is not None

    def _is_worth_keeping(self, loadable: Loadable) -> bool:
        holdings = self._holdings
        is_worth = holdings.costs.worth_keeping(loadable)
        if not is_worth:
            holdings.costs.declined(loadable)
            holdings.counts.not_worth_keeping += 1
        return is_worth
