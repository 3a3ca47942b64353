"""Whatever is offered, leased, released, pinned and taken out in whatever order: what holds of a pool."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from memos.activation.pool.eviction import Gdsf, Lfu, Lru
from memos.activation.pool.lease import PoolLease
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.activation.segment import Segment
from tests.activation.pool.segments import (
    TOKEN_BYTES,
    file_tier,
    is_right,
    keys,
    segment,
)

ROOT = segment("root", tokens=3)
TREE = [
    [ROOT, (one := segment("a", ROOT, 2)), segment("a1", one, 1)],
    [ROOT, one, (two := segment("a2", one, 5)), segment("a21", two, 2)],
    [ROOT, segment("b", ROOT, 4)],
    [segment("c", tokens=6)],
    [(three := segment("d", tokens=1)), segment("d1", three, 1)],
]
ALL = {each.key: each for chain in TREE for each in chain}
MEMORY = Limits(14 * TOKEN_BYTES, each=10 * TOKEN_BYTES, of={"small": 6 * TOKEN_BYTES})
FILES = Limits(12_000, each=9_000)

chains = st.sampled_from(TREE)
tenants = st.sampled_from(["acme", "small"])
segments = st.sampled_from(sorted(ALL))
times = st.sampled_from([1e-6, 50.0, 1e4, 1e6])


class PoolRules(RuleBasedStateMachine):
    """A pool in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = self.made()
        self.leases: list[tuple[PoolLease, tuple[Segment, ...]]] = []
        self.pins: set[tuple[str, bytes]] = set()

    def made(self) -> Pool:
        return Pool([MemoryTier("memory", MEMORY)])

    @rule(tenant=tenants, chain=chains, milliseconds=times)
    def request(self, tenant: str, chain: list[Segment], milliseconds: float) -> None:
        lease = self.pool.lease(tenant, keys(chain))
        assert keys(lease.segments) == keys(chain[: len(lease.segments)])
        self.leases.append((lease, lease.segments))
        for one in chain[len(lease.segments) :]:
            self.pool.offer(tenant, one, milliseconds)

    @rule(tenant=tenants, key=segments, milliseconds=times)
    def offer(self, tenant: str, key: bytes, milliseconds: float) -> None:
        self.pool.offer(tenant, ALL[key], milliseconds)

    @rule(chance=st.randoms(use_true_random=False))
    def release(self, chance: object) -> None:
        if self.leases:
            lease, _ = self.leases.pop(chance.randrange(len(self.leases)))  # type: ignore[attr-defined]
            lease.release()

    @rule(tenant=tenants, key=segments)
    def pin(self, tenant: str, key: bytes) -> None:
        self.pool.pin(tenant, key)
        self.pins.add((tenant, key))

    @rule(tenant=tenants, key=segments)
    def unpin(self, tenant: str, key: bytes) -> None:
        self.pool.unpin(tenant, key)
        self.pins.discard((tenant, key))

    @rule(tenant=tenants, key=segments)
    def evict(self, tenant: str, key: bytes) -> None:
        self.pool.evict(tenant, key)
        for chain in TREE:
            if key in keys(chain):
                lease = self.pool.lease(tenant, keys(chain))
                assert key not in keys(lease.segments)
                lease.release()

    @rule(tenant=tenants)
    def evict_tenant(self, tenant: str) -> None:
        self.pool.evict_tenant(tenant)
        for chain in TREE:
            assert self.pool.lease(tenant, keys(chain)).segments == ()

    @invariant()
    def what_is_leased_is_right(self) -> None:
        for _, leased in self.leases:
            assert all(map(is_right, leased))

    @invariant()
    def bytes_are_those_of_what_is_stored_and_within_the_limits(self) -> None:
        holdings = self.pool._holdings
        outlived = {
            id(stored): stored
            for lease, _ in self.leases
            for stored in lease._stored
            if stored.is_gone
        }
        for level, (tier, contents) in enumerate(
            zip(holdings.tiers, holdings.contents, strict=True)
        ):
            stored = [*contents.all(), *(() if level else outlived.values())]
            assert contents.used.total == sum(one.bytes for one in stored)
            assert contents.used.total <= contents.peak <= tier.limits.total
            held = self.pool.figures().bytes[tier.name]
            for tenant in ("acme", "small"):
                label = self.pool._label(tenant)
                of_tenant = sum(one.bytes for one in stored if one.tenant == label)
                assert held.get(tenant, 0) == of_tenant <= tier.limits.quota(tenant)

    @invariant()
    def in_memory_every_segment_has_its_parent(self) -> None:
        contents = self.pool._holdings.contents[0]
        for one in contents.all():
            assert not one.parent or contents.trie(one.tenant).get(one.parent) is not None

    @invariant()
    def holds_are_those_of_leases_and_pins(self) -> None:
        leased = [stored for lease, _ in self.leases for stored in lease._stored]
        for contents in self.pool._holdings.contents:
            for one in contents.all():
                assert one.holds == leased.count(one) + one.is_pinned

    def teardown(self) -> None:
        for lease, _ in self.leases:
            lease.release()
        for tenant in ("acme", "small"):
            self.pool.evict_tenant(tenant)
        assert all(not each.used.total for each in self.pool._holdings.contents)
        assert all(not each._held.total for each in self.pool._holdings.contents)


class LruRules(PoolRules):
    """The same by another policy."""

    def made(self) -> Pool:
        return Pool([MemoryTier("memory", MEMORY)], policy=Lru)


class LfuRules(PoolRules):
    """The same by another policy."""

    def made(self) -> Pool:
        return Pool([MemoryTier("memory", MEMORY)], policy=Lfu)


class TieredRules(PoolRules):
    """A pool of two tiers in memory and one of files, that is saved and started again in between."""

    def made(self) -> Pool:
        self.directory = tempfile.TemporaryDirectory()
        return self.started()

    def started(self) -> Pool:
        host = Limits(8 * TOKEN_BYTES)
        files = file_tier(Path(self.directory.name), FILES)
        return Pool([MemoryTier("memory", MEMORY), MemoryTier("host", host)], files, Gdsf)

    @rule()
    def save(self) -> None:
        self.pool.save()

    @rule()
    def restart(self) -> None:
        for lease, _ in self.leases:
            lease.release()
        self.leases.clear()
        self.pins.clear()
        self.pool = self.started()
        self.pool.unpin("acme", b"")

    @invariant()
    def the_files_are_those_that_are_counted(self) -> None:
        sizes = sum(path.stat().st_size for path in Path(self.directory.name).rglob("*.*"))
        assert self.pool._holdings.contents[-1].used.total == sizes

    @invariant()
    def nothing_was_damaged(self) -> None:
        assert self.pool.figures().damaged_files == 0

    def teardown(self) -> None:
        super().teardown()
        self.directory.cleanup()


STEPS = 40
TestPoolRules = PoolRules.TestCase
TestPoolRules.settings = settings(max_examples=60, stateful_step_count=STEPS, deadline=None)
TestLruRules = LruRules.TestCase
TestLruRules.settings = settings(max_examples=15, stateful_step_count=STEPS, deadline=None)
TestLfuRules = LfuRules.TestCase
TestLfuRules.settings = settings(max_examples=15, stateful_step_count=STEPS, deadline=None)
TestTieredRules = TieredRules.TestCase
TestTieredRules.settings = settings(max_examples=40, stateful_step_count=STEPS, deadline=None)
