"""What happens while a pool copies without its lock: each test does it in the middle of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

from torch import Tensor

from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from tests.activation.pool.segments import (
    CUBE_KEY,
    ROOMY,
    SLOW,
    TOKEN_BYTES,
    bytes_in,
    chain,
    file_tier,
    is_right,
    keys,
    offer_all,
    segment,
    stored_keys,
    tiered_pool,
)

SIZE = 4 * TOKEN_BYTES


class Meanwhile:
    """Does something once, when it is asked for cube keys or to place a tensor."""

    def __init__(self) -> None:
        self.do: Callable[[], object] = lambda: None

    def cube_keys(self, key: bytes) -> Sequence[bytes]:
        del key
        self._once()
        return (CUBE_KEY,)

    def place(self, tensor: Tensor) -> Tensor:
        self._once()
        return tensor.clone()

    def _once(self) -> None:
        do, self.do = self.do, lambda: None
        do()


def test_a_segment_that_is_taken_out_while_it_is_written_leaves_no_file(tmp_path: Path) -> None:
    meanwhile = Meanwhile()
    pool = tiered_pool(Limits(SIZE), file_tier(tmp_path, cube_keys=meanwhile.cube_keys))
    one, other = segment("one"), segment("other")
    pool.offer("acme", one, SLOW)
    meanwhile.do = lambda: pool.evict("acme", one.key)
    assert pool.offer("acme", other, SLOW)
    assert stored_keys(pool, "acme", [one]) == []
    assert list(tmp_path.rglob("*.safetensors")) == []
    assert (bytes_in(pool), bytes_in(pool, "files")) == (SIZE, 0)


def test_a_segment_that_is_leased_while_it_is_written_stays_in_memory(tmp_path: Path) -> None:
    meanwhile = Meanwhile()
    pool = tiered_pool(Limits(SIZE), file_tier(tmp_path, cube_keys=meanwhile.cube_keys))
    one = segment("one")
    pool.offer("acme", one, SLOW)
    leases = []
    meanwhile.do = lambda: leases.append(pool.lease("acme", [one.key]))
    assert not pool.offer("acme", segment("other"), SLOW)
    assert is_right(leases[0].segments[0])
    assert pool.figures().peak_bytes["memory"] == SIZE


def test_a_segment_that_is_taken_out_while_it_is_loaded_is_not_given(tmp_path: Path) -> None:
    meanwhile = Meanwhile()
    stored = chain("system", "policy")
    first = tiered_pool(ROOMY, file_tier(tmp_path))
    offer_all(first, "acme", stored)
    first.save()
    pool = tiered_pool(ROOMY, file_tier(tmp_path, cube_keys=meanwhile.cube_keys))
    meanwhile.do = lambda: pool.evict("acme", stored[0].key)
    assert stored_keys(pool, "acme", stored) == []
    assert (bytes_in(pool), bytes_in(pool, "files")) == (0, 0)


def test_a_segment_that_is_taken_out_while_it_is_taken_up_from_memory_is_not_given() -> None:
    meanwhile = Meanwhile()
    pool = Pool([MemoryTier("device", Limits(SIZE), meanwhile.place), MemoryTier("host", ROOMY)])
    one = segment("one")
    offer_all(pool, "acme", [one, segment("other")])
    assert bytes_in(pool, "host") == SIZE
    meanwhile.do = lambda: pool.evict("acme", one.key)
    assert stored_keys(pool, "acme", [one]) == []
    assert (bytes_in(pool, "device"), bytes_in(pool, "host")) == (0, SIZE)


def test_a_chain_whose_beginning_is_taken_out_while_its_end_is_loaded_is_not_given(
    tmp_path: Path,
) -> None:
    meanwhile = Meanwhile()
    stored = chain("system", "policy")
    first = tiered_pool(ROOMY, file_tier(tmp_path))
    offer_all(first, "acme", stored)
    first.save()
    pool = tiered_pool(ROOMY, file_tier(tmp_path, cube_keys=meanwhile.cube_keys))
    assert stored_keys(pool, "acme", stored[:1]) == keys(stored[:1])
    meanwhile.do = lambda: pool.evict("acme", stored[0].key)
    with pool.lease("acme", keys(stored)) as lease:
        assert lease.segments == ()
    assert (bytes_in(pool), bytes_in(pool, "files")) == (0, 0)


def test_a_segment_that_is_computed_while_it_is_loaded_is_stored_once(tmp_path: Path) -> None:
    meanwhile = Meanwhile()
    one = segment("one")
    first = tiered_pool(ROOMY, file_tier(tmp_path))
    first.offer("acme", one, SLOW)
    first.save()
    pool = tiered_pool(Limits(2 * SIZE), file_tier(tmp_path, cube_keys=meanwhile.cube_keys))
    meanwhile.do = lambda: pool.offer("acme", one, SLOW)
    assert stored_keys(pool, "acme", [one]) == [one.key]
    assert bytes_in(pool) == SIZE
    for number in range(4):  # room is made of it as of any other
        assert pool.offer("acme", segment(f"{number}"), SLOW)
    assert bytes_in(pool) == 2 * SIZE


def test_a_segment_whose_parent_is_taken_out_meanwhile_is_refused() -> None:
    meanwhile = Meanwhile()
    pool = Pool([MemoryTier("memory", ROOMY, meanwhile.place)])
    stored = chain("system", "policy")
    pool.offer("acme", stored[0], 1.0)
    meanwhile.do = lambda: pool.evict("acme", stored[0].key)
    assert not pool.offer("acme", stored[1], 1.0)
    assert pool.figures().refused == {"its parent is not stored": 1}
    assert bytes_in(pool) == 0


def test_a_segment_that_is_offered_twice_at_once_is_stored_once() -> None:
    meanwhile = Meanwhile()
    pool = Pool([MemoryTier("memory", ROOMY, meanwhile.place)])
    one = segment("one")
    meanwhile.do = lambda: pool.offer("acme", one, 1.0)
    assert pool.offer("acme", one, 1.0)
    assert (bytes_in(pool), pool.figures().duplicates) == (SIZE, 1)
    assert pool.evict("acme", one.key) == 1
    assert bytes_in(pool) == 0


def test_a_segment_that_many_want_at_once_is_loaded_once(tmp_path: Path) -> None:
    stored = chain("system", "policy")
    first = tiered_pool(ROOMY, file_tier(tmp_path))
    offer_all(first, "acme", stored)
    assert first.save() == 2
    threads, start, all_ask = 20, Barrier(20), Event()

    def cube_keys(key: bytes) -> Sequence[bytes]:
        assert all_ask.wait(30), key
        return (CUBE_KEY,)

    pool = tiered_pool(ROOMY, file_tier(tmp_path, cube_keys=cube_keys))

    def request() -> bool:
        if start.wait() == 0:
            all_ask.set()
        with pool.lease("acme", keys(stored)) as lease:
            return len(lease.segments) == 2 and all(map(is_right, lease.segments))

    with ThreadPoolExecutor(threads) as workers:
        requests = [workers.submit(request) for _ in range(threads)]
        assert all(done.result() for done in requests)
    assert pool.figures().loads == {"files": 2}
    assert bytes_in(pool) == 2 * SIZE


def test_room_is_reserved_before_a_segment_is_taken() -> None:
    meanwhile = Meanwhile()
    pool = Pool([MemoryTier("memory", ROOMY, meanwhile.place)])
    seen: list[int] = []
    meanwhile.do = lambda: seen.append(bytes_in(pool))
    pool.offer("acme", segment("one"), 1.0)
    assert seen == [SIZE]
