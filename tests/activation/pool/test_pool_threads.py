"""A hundred threads on one prefix, while it is evicted, and its tenant's other segments push it out."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Barrier, Event, Lock

import pytest
from torch import Tensor

from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.activation.segment import Segment
from tests.activation.pool.segments import (
    TOKEN_BYTES,
    bytes_in,
    chain,
    file_tier,
    is_right,
    keys,
    memory_pool,
    segment,
    tiered_pool,
)

THREADS, ROUNDS = 100, 12
SIZE = 4 * TOKEN_BYTES
CAPACITY = 6 * SIZE
FILES = 60_000


@pytest.fixture(autouse=True)
def _threads_that_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def _requests(pool: Pool, prefix: list[Segment], number: int, start: Barrier) -> int:
    """An engine's way: lease, check, compute the rest, offer it, check again, release."""
    start.wait()
    given = 0
    for turn in range(ROUNDS):
        own = segment(f"question {number} {turn}", prefix[-1])
        wanted = [*prefix, own]
        lease = pool.lease("acme", keys(wanted))
        held = lease.segments
        assert keys(held) == keys(wanted[: len(held)])
        assert all(map(is_right, held))
        for one in wanted[len(held) :]:
            pool.offer("acme", one, 1e4)
        assert all(map(is_right, held)), "a leased tensor changed"
        lease.release()
        given += len(held)
    return given


def _evictions(pool: Pool, prefix: list[Segment], ended: Event) -> int:
    chance, most = Random(5), 0
    while not ended.is_set():
        pool.evict("acme", chance.choice(prefix).key)
        pool.offer("acme", segment(f"filler {chance.random()}"), 1e4)
        most = max(most, bytes_in(pool))
    return most


def _hammer(pool: Pool) -> int:
    """The most bytes that were seen in memory; the requests' own checks raise."""
    prefix = chain("system", "policy", "history")
    start, ended = Barrier(THREADS), Event()
    with ThreadPoolExecutor(THREADS + 1) as threads:
        evicting = threads.submit(_evictions, pool, prefix, ended)
        requests = [
            threads.submit(_requests, pool, prefix, number, start) for number in range(THREADS)
        ]
        try:
            given = sum(request.result() for request in requests)
        finally:
            ended.set()
        most = evicting.result()
    assert given > 0
    assert pool.figures().peak_bytes["memory"] <= CAPACITY
    pool.evict_tenant("acme")
    return most


def test_a_hundred_threads_on_one_prefix_that_is_evicted_get_right_tensors_within_the_bytes() -> (
    None
):
    pool = memory_pool(Limits(CAPACITY))
    assert _hammer(pool) <= CAPACITY
    assert bytes_in(pool) == 0


def test_a_hundred_threads_over_memory_and_files_get_right_tensors_within_the_bytes(
    tmp_path: Path,
) -> None:
    pool = tiered_pool(Limits(CAPACITY), file_tier(tmp_path, Limits(FILES)))
    assert _hammer(pool) <= CAPACITY
    figures = pool.figures()
    assert figures.peak_bytes["files"] <= FILES
    assert figures.demotions["files"] > 0
    assert (bytes_in(pool), bytes_in(pool, "files")) == (0, 0)
    assert list(tmp_path.rglob("*.*")) == []


class Watched:
    """Copies tensors, and knows the most bytes of its copies that were there at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._copies: list[weakref.ref[Tensor]] = []
        self.most = 0

    def place(self, tensor: Tensor) -> Tensor:
        copy = tensor.clone()
        with self._lock:
            self._copies = [one for one in self._copies if one() is not None]
            self._copies.append(weakref.ref(copy))
            there = (one() for one in self._copies)
            self.most = max(self.most, sum(one.nbytes for one in there if one is not None))
        return copy


def test_the_tensors_that_a_pool_keeps_alive_never_take_more_than_its_bytes(tmp_path: Path) -> None:
    device, host = Watched(), Watched()
    tiers = [
        MemoryTier("device", Limits(CAPACITY), device.place),
        MemoryTier("host", Limits(CAPACITY), host.place),
    ]
    pool = Pool(tiers, file_tier(tmp_path, Limits(FILES)))
    chains = [chain(f"root {number}", "middle", "leaf") for number in range(8)]

    def request(number: int) -> None:
        chance = Random(number)
        for _ in range(15):
            wanted = chance.choice(chains)
            lease = pool.lease("acme", keys(wanted))
            assert all(map(is_right, lease.segments))
            for one in wanted[len(lease.segments) :]:
                pool.offer("acme", one, 1e4)
            if chance.random() < 0.1:
                pool.evict("acme", chance.choice(wanted).key)
            lease.release()

    with ThreadPoolExecutor(20) as threads:
        for done in [threads.submit(request, number) for number in range(20)]:
            done.result()
    assert 0 < device.most <= CAPACITY
    assert 0 < host.most <= CAPACITY
    pool.save()
    # What they came to keep in files is loaded from there, whatever was loaded meanwhile.
    restarted = tiered_pool(Limits(CAPACITY), file_tier(tmp_path, Limits(FILES)))
    for wanted in chains:
        with restarted.lease("acme", keys(wanted)) as lease:
            assert all(map(is_right, lease.segments))
    assert restarted.figures().loads["files"] > 0
