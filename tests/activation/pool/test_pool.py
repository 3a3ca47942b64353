from __future__ import annotations

import weakref
from dataclasses import replace

import pytest
import torch

from memos.activation.pool.limits import Limits
from memos.activation.pool.pool import Pool
from memos.activation.pool.port import SegmentPool
from memos.kernel.errors import InvalidInput
from tests.activation.pool.segments import (
    TOKEN_BYTES,
    bytes_in,
    chain,
    content_of,
    is_right,
    keys,
    memory_pool,
    offer_all,
    segment,
    stored_keys,
)

SIZE = 4 * TOKEN_BYTES


def room_for(count: int) -> Limits:
    return Limits(count * SIZE)


def test_a_pool_is_what_an_engine_asks_for() -> None:
    pool: SegmentPool = memory_pool()
    assert pool.lease("acme", []).segments == ()


def test_a_lease_is_the_longest_stored_prefix_of_the_chain() -> None:
    pool = memory_pool()
    stored = chain("system", "policy", "history")
    assert offer_all(pool, "acme", stored[:2]) == [True, True]
    lease = pool.lease("acme", keys(stored))
    assert keys(lease.segments) == keys(stored[:2])
    assert all(map(is_right, lease.segments))
    figures = pool.figures()
    assert (figures.hits["memory"], figures.misses, figures.requested) == (2, 1, 3)


def test_what_is_leased_costs_no_copy() -> None:
    pool = memory_pool()
    one = segment("system")
    pool.offer("acme", one, 1.0)
    leased = pool.lease("acme", [one.key]).segments[0]
    assert leased.keys_values.data_ptr() == one.keys_values.data_ptr()


def test_a_view_of_a_larger_tensor_is_stored_without_the_rest_of_it() -> None:
    pool = memory_pool()
    one = segment("system")
    larger = torch.zeros((*one.keys_values.shape[:3], 1000, one.keys_values.shape[4]))
    larger[:, :, :, :4] = one.keys_values
    pool.offer("acme", replace(one, keys_values=larger[:, :, :, :4]), 1.0)
    leased = pool.lease("acme", [one.key]).segments[0]
    assert leased.keys_values.untyped_storage().nbytes() == SIZE == bytes_in(pool)
    assert is_right(leased)


def test_a_segment_that_does_not_fit_is_refused_and_nothing_goes_for_it() -> None:
    pool = memory_pool(room_for(2))
    pool.offer("acme", segment("small"), 1.0)
    assert not pool.offer("acme", segment("large", tokens=9), 1.0)
    assert pool.figures().refused == {"no room": 1}
    assert bytes_in(pool) == SIZE


def test_what_is_leased_is_not_evicted_nor_anything_in_vain_beside_it() -> None:
    pool = memory_pool(room_for(3))
    held, free = segment("held", tokens=8), segment("free")
    offer_all(pool, "acme", [held, free])
    with pool.lease("acme", [held.key]):
        assert not pool.offer("acme", segment("large", tokens=8), 1e9)
        assert stored_keys(pool, "acme", [free]) == [free.key]
    assert pool.offer("acme", segment("large", tokens=8), 1e9)
    assert stored_keys(pool, "acme", [held]) == []
    assert pool.figures().peak_bytes["memory"] <= 3 * SIZE


def test_leaves_go_before_what_they_stand_behind() -> None:
    pool = memory_pool(room_for(3))
    dear_leaf = chain("root", "middle", "leaf")
    for one, milliseconds in zip(dear_leaf, (1.0, 2.0, 100.0), strict=True):
        pool.offer("acme", one, milliseconds)
    pool.offer("acme", segment("other"), 1e6)
    assert stored_keys(pool, "acme", dear_leaf) == keys(dear_leaf[:2])


def test_a_segment_is_not_evicted_to_make_room_for_its_own_child() -> None:
    pool = memory_pool(room_for(2))
    long = chain("root", "middle", "leaf")
    assert offer_all(pool, "acme", long) == [True, True, False]
    assert stored_keys(pool, "acme", long) == keys(long[:2])


def test_a_pinned_segment_and_all_above_it_stay_until_it_is_unpinned() -> None:
    pool = memory_pool(room_for(2))
    hot = chain("system", "hot")
    pool.pin("acme", hot[1].key)
    for one in hot:
        pool.offer("acme", one, 1.0)
    assert not pool.offer("acme", segment("other"), 1e9)
    pool.unpin("acme", hot[1].key)
    assert pool.offer("acme", segment("other"), 1e9)
    assert stored_keys(pool, "acme", hot) == [hot[0].key]


def test_a_tenant_at_its_quota_evicts_its_own_only() -> None:
    pool = memory_pool(Limits(10 * SIZE, each=2 * SIZE, of={"large": 3 * SIZE}))
    others = segment("others")
    pool.offer("other", others, 0.001)
    for number in range(5):
        assert pool.offer("acme", segment(f"acme {number}"), 1.0)
        assert pool.offer("large", segment(f"large {number}"), 1.0)
    assert pool.figures().bytes["memory"] == {"other": SIZE, "acme": 2 * SIZE, "large": 3 * SIZE}
    assert not pool.offer("acme", segment("too large", tokens=9), 1.0)
    assert stored_keys(pool, "other", [others]) == [others.key]


def test_tenants_share_nothing_even_under_one_key() -> None:
    pool = memory_pool()
    one = segment("the same text")
    pool.offer("acme", one, 1.0)
    assert stored_keys(pool, "rival", [one]) == []
    assert pool.evict("rival", one.key) == 0
    pool.offer("rival", replace(one, keys_values=content_of(one.key, 4).clone()), 1.0)
    assert pool.figures().bytes["memory"] == {"acme": SIZE, "rival": SIZE}
    assert pool.evict_tenant("acme") == 1
    assert stored_keys(pool, "rival", [one]) == [one.key]


def test_a_changed_source_takes_everything_below_it_along_and_nothing_else() -> None:
    pool = memory_pool()
    stem = chain("system", "changed", "below")
    offer_all(pool, "acme", stem)
    beside = segment("beside", stem[0])
    also_below = segment("also below", stem[1])
    offer_all(pool, "acme", [beside, also_below])
    pool.pin("acme", stem[2].key)
    assert pool.evict("acme", stem[1].key) == 3
    assert stored_keys(pool, "acme", stem) == [stem[0].key]
    assert stored_keys(pool, "acme", [stem[0], beside]) == keys([stem[0], beside])
    assert bytes_in(pool) == 2 * SIZE


def test_what_is_leased_stays_readable_and_counted_when_its_source_changes() -> None:
    pool = memory_pool(room_for(2))
    stored = chain("system", "changed")
    offer_all(pool, "acme", stored)
    lease = pool.lease("acme", keys(stored))
    assert pool.evict("acme", stored[0].key) == 2
    assert stored_keys(pool, "acme", stored) == []
    assert all(map(is_right, lease.segments))
    assert bytes_in(pool) == 2 * SIZE
    assert not pool.offer("acme", segment("other"), 1.0)
    lease.release()
    assert bytes_in(pool) == 0
    assert pool.offer("acme", segment("other"), 1.0)


def test_a_lease_that_is_released_twice_is_released_once() -> None:
    pool = memory_pool(room_for(1))
    one = segment("one")
    pool.offer("acme", one, 1.0)
    first, second = pool.lease("acme", [one.key]), pool.lease("acme", [one.key])
    first.release()
    first.release()
    assert not pool.offer("acme", segment("other"), 1e9)
    second.release()
    assert pool.offer("acme", segment("other"), 1e9)


def test_no_tensor_outlives_its_bytes_in_the_count() -> None:
    pool = memory_pool()
    one = segment("one")
    pool.offer("acme", one, 1.0)
    lease = pool.lease("acme", [one.key])
    tensor = weakref.ref(lease.segments[0].keys_values)
    del one
    pool.evict_tenant("acme")
    assert tensor() is not None
    lease.release()
    assert bytes_in(pool) == 0
    assert tensor() is None


def test_a_segment_behind_nothing_stored_is_refused() -> None:
    pool = memory_pool()
    long = chain("root", "leaf")
    assert not pool.offer("acme", long[1], 1.0)
    assert pool.figures().refused == {"its parent is not stored": 1}


@pytest.mark.parametrize("wrong", ["start", "heads", "dtype"])
def test_a_segment_that_does_not_fit_behind_its_parent_is_refused(wrong: str) -> None:
    pool = memory_pool()
    root, leaf = chain("root", "leaf")
    pool.offer("acme", root, 1.0)
    other = {
        "start": replace(leaf, start=leaf.start + 1),
        "heads": replace(leaf, keys_values=leaf.keys_values[:, :, :1].clone()),
        "dtype": replace(leaf, keys_values=leaf.keys_values.double()),
    }[wrong]
    assert not pool.offer("acme", other, 1.0)
    assert pool.figures().refused == {"it does not fit behind its parent": 1}
    assert pool.offer("acme", leaf, 1.0)


def test_what_is_no_segment_is_an_error_of_the_caller() -> None:
    pool = memory_pool()
    one = segment("one")
    for bad in (
        replace(one, keys_values=one.keys_values[0]),
        replace(one, key=b"short"),
        replace(one, start=-1),
    ):
        with pytest.raises(InvalidInput):
            pool.offer("acme", bad, 1.0)
    with pytest.raises(InvalidInput):
        pool.offer("acme", one, float("nan"))
    assert bytes_in(pool) == 0


def test_a_pool_without_a_tier_in_memory_is_refused() -> None:
    with pytest.raises(InvalidInput, match="tier in memory"):
        Pool([])


def test_an_offer_of_what_is_stored_changes_nothing() -> None:
    pool = memory_pool()
    one = segment("one")
    assert offer_all(pool, "acme", [one, one]) == [True, True]
    assert (bytes_in(pool), pool.figures().duplicates) == (SIZE, 1)


def test_saved_milliseconds_are_those_of_what_was_given() -> None:
    pool = memory_pool()
    stored = chain("system", "policy")
    pool.offer("acme", stored[0], 30.0)
    pool.offer("acme", stored[1], 12.0)
    stored_keys(pool, "acme", stored)
    stored_keys(pool, "acme", stored[:1])
    assert pool.figures().saved_milliseconds == 72.0


def test_ten_thousand_requests_do_not_grow_the_pool() -> None:
    pool = memory_pool(room_for(3))
    stored = chain("system", "policy", "history")
    offer_all(pool, "acme", stored)
    for _ in range(10_000):
        pool.lease("acme", keys(stored)).release()
    assert bytes_in(pool) == 3 * SIZE
    with pool.lease("acme", keys(stored)) as lease:
        assert [one.tokens for one in lease.segments] == [4, 4, 4]
        assert all(map(is_right, lease.segments))
