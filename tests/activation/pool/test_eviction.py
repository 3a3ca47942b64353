from __future__ import annotations

from collections.abc import Callable

import pytest

from memos.activation.pool.eviction import LAG, EvictionPolicy, Gdsf, Lfu, Lru
from memos.activation.pool.eviction_queue import SLACK, EvictionQueue
from memos.activation.pool.limits import Limits
from memos.activation.pool.stored_segment import StoredSegment
from tests.activation.pool.segments import (
    TOKEN_BYTES,
    memory_pool,
    offer_all,
    segment,
    stored_keys,
)


def stored(priority: float) -> StoredSegment:
    return StoredSegment("acme", b"", b"", 0, 1, 8, 8, 1.0, priority=priority)


def test_gdsf_keeps_what_saves_more_milliseconds_for_each_byte() -> None:
    policy = Gdsf()
    dear, cheap = policy.priority(1, 100.0, 1_000), policy.priority(1, 100.0, 2_000)
    assert dear > cheap
    assert policy.priority(2, 100.0, 2_000) == dear


def test_gdsf_lets_go_in_time_what_was_used_much_and_is_not_any_more() -> None:
    policy = Gdsf()
    once_hot = policy.priority(50, 1.0, 1)
    evicted = 0
    while (fresh := policy.priority(1, 1.0, 1)) <= once_hot:
        policy.evicted(fresh)
        evicted += 1
    assert 49 * LAG <= evicted <= 50 * LAG


def test_the_clock_of_gdsf_never_goes_back() -> None:
    policy = Gdsf()
    policy.evicted(10.0)
    before = policy.priority(1, 1.0, 1)
    policy.evicted(0.0)
    assert policy.priority(1, 1.0, 1) == before


@pytest.mark.parametrize(("policy", "goes"), [(Lru, "often"), (Lfu, "late"), (Gdsf, "late")])
def test_the_policies_let_different_segments_go(
    policy: Callable[[], EvictionPolicy], goes: str
) -> None:
    pool = memory_pool(Limits(2 * 4 * TOKEN_BYTES), policy)
    often, late, new = segment("often"), segment("late"), segment("new")
    offer_all(pool, "acme", [often])
    for _ in range(3):
        stored_keys(pool, "acme", [often])
    offer_all(pool, "acme", [late])
    offer_all(pool, "acme", [new])
    gone = [one for one in (often, late) if not stored_keys(pool, "acme", [one])]
    assert gone == [{"often": often, "late": late}[goes]]


def test_candidates_come_by_the_priority_that_they_have_when_they_are_taken() -> None:
    queue = EvictionQueue(lambda _: True)
    first, second, third = stored(1.0), stored(2.0), stored(3.0)
    for each in (third, first, second):
        queue.add(each)
    first.priority = 2.5
    queue.remove(second)
    assert [queue.take(), queue.take(), queue.take()] == [first, third, None]


def test_candidates_that_are_gone_do_not_pile_up() -> None:
    queue = EvictionQueue(lambda _: True)
    for _ in range(10 * SLACK):
        each = stored(1.0)
        queue.add(each)
        queue.remove(each)
    assert len(queue._heap) <= SLACK + 1
