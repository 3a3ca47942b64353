from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from memos.activation.pool.file_tier import FileTier
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier, on, pinned
from memos.activation.pool.pool import Pool
from memos.activation.segment import Segment
from memos.kernel.errors import StoreUnavailable
from tests.activation.pool.segments import (
    CUBE_KEY,
    ROOMY,
    SECRET,
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
TWO = Limits(2 * SIZE)


class SlowFiles(FileTier):
    """Files of a disk that is slower than any model."""

    bytes_per_second = 1_000.0


def filled(directory: Path, stored: Sequence[Segment], *, as_int8: bool = False) -> Pool:
    """A pool over two segments' room in memory, that has let go of a chain to its files."""
    pool = tiered_pool(TWO, file_tier(directory, as_int8=as_int8))
    offer_all(pool, "acme", stored)
    offer_all(pool, "acme", [segment("filler 1"), segment("filler 2")])
    return pool


def files_in(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_what_memory_lets_go_is_found_in_the_files_and_comes_back_bit_for_bit(
    tmp_path: Path,
) -> None:
    stored = chain("system", "policy")
    pool = filled(tmp_path, stored)
    with pool.lease("acme", keys(stored)) as lease:
        assert keys(lease.segments) == keys(stored)
        assert all(map(is_right, lease.segments))
        assert lease.is_exact
    figures = pool.figures()
    assert figures.hits == {"files": 2}
    assert figures.loads == {"files": 2}
    assert figures.demotions == {"files": 4}
    assert figures.right_loads == 2
    assert 0 < figures.load_milliseconds < SLOW
    assert figures.saved_milliseconds == pytest.approx(2 * SLOW - figures.load_milliseconds)
    assert [prediction.loaded is not None for prediction in pool.predictions()] == [True, True]
    assert figures.peak_bytes["memory"] == 2 * SIZE


def test_a_chain_longer_than_memory_is_loaded_as_far_as_it_fits(tmp_path: Path) -> None:
    stored = chain("system", "policy", "history")
    first = tiered_pool(ROOMY, file_tier(tmp_path))
    offer_all(first, "acme", stored)
    first.save()
    pool = tiered_pool(TWO, file_tier(tmp_path))
    assert stored_keys(pool, "acme", stored) == keys(stored[:2])
    assert pool.figures().no_room_to_load == 1
    assert pool.figures().peak_bytes["memory"] == 2 * SIZE


def test_a_restarted_pool_finds_the_files_of_the_one_before(tmp_path: Path) -> None:
    stored = chain("system", "policy")
    first = tiered_pool(ROOMY, file_tier(tmp_path))
    offer_all(first, "acme", stored)
    assert (first.save(), first.save()) == (2, 0)
    pool = tiered_pool(ROOMY, file_tier(tmp_path))
    with pool.lease("acme", keys(stored)) as lease:
        assert keys(lease.segments) == keys(stored)
        assert all(map(is_right, lease.segments))
    assert stored_keys(pool, "rival", stored) == []
    figures = pool.figures()
    assert figures.bytes["files"] == {
        "acme": sum(path.stat().st_size for path in files_in(tmp_path))
    }
    assert figures.saved_milliseconds == pytest.approx(2 * SLOW - figures.load_milliseconds)


def test_the_names_of_files_tell_nothing_of_tenants_and_keys(tmp_path: Path) -> None:
    stored = chain("system", "policy")
    filled(tmp_path, stored)
    told = " ".join(map(str, (path.relative_to(tmp_path) for path in files_in(tmp_path))))
    assert "acme" not in told
    assert not any(one.key.hex()[:8] in told for one in stored)
    drawer = files_in(tmp_path)[0].parent
    assert drawer.stat().st_mode & 0o777 == 0o700


def test_a_pool_with_another_secret_opens_nothing(tmp_path: Path) -> None:
    stored = chain("system")
    filled(tmp_path, stored)
    other = file_tier(tmp_path)
    other.secret = bytes(32)
    pool = tiered_pool(ROOMY, other)
    assert stored_keys(pool, "acme", stored) == []


def test_files_within_their_bytes_let_go_of_what_saves_least(tmp_path: Path) -> None:
    limit = 3 * (SIZE + 2_100)
    pool = tiered_pool(Limits(SIZE), file_tier(tmp_path, Limits(limit)))
    for number in range(8):
        pool.offer("acme", segment(f"{number}"), SLOW / (number + 1))
    kept = sum(path.stat().st_size for path in files_in(tmp_path))
    assert bytes_in(pool, "files") == kept <= limit
    assert pool.figures().peak_bytes["files"] <= limit
    assert pool.figures().evictions["files"] > 0
    assert stored_keys(pool, "acme", [segment("0")]) == [segment("0").key]


def test_a_pool_that_may_hold_less_than_it_finds_removes_the_rest(tmp_path: Path) -> None:
    stored = chain("system", "policy", "history")
    first = tiered_pool(ROOMY, file_tier(tmp_path))
    offer_all(first, "acme", stored)
    first.save()
    limit = sum(path.stat().st_size for path in files_in(tmp_path)) - 1
    pool = tiered_pool(ROOMY, file_tier(tmp_path, Limits(limit)))
    assert stored_keys(pool, "acme", stored) == keys(stored[:2])
    assert len(files_in(tmp_path)) == 2


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign", "swapped", "gone", "directory"])
def test_a_damaged_file_is_a_miss_that_is_counted_and_removed(tmp_path: Path, damage: str) -> None:
    stored = chain("system", "policy")
    first = tiered_pool(ROOMY, file_tier(tmp_path))
    offer_all(first, "acme", stored)
    first.save()
    pool = tiered_pool(ROOMY, file_tier(tmp_path))
    pool.pin("acme", b"")  # it has looked through its files now
    one, other = files_in(tmp_path)
    data = bytearray(one.read_bytes())
    if damage == "cut":
        one.write_bytes(data[:-1])
    elif damage == "changed":
        data[-1] ^= 1
        one.write_bytes(data)
    elif damage == "foreign":
        one.write_bytes(os.urandom(len(data)))
    elif damage == "swapped":
        one.write_bytes(other.read_bytes())
    else:
        one.unlink()
        if damage == "directory":
            one.mkdir()
    with pool.lease("acme", keys(stored)) as lease:
        assert keys(lease.segments) == keys(stored)[: len(lease.segments)]
        assert len(lease.segments) < 2
        assert all(map(is_right, lease.segments))
        given = len(lease.segments)
    assert pool.figures().damaged_files == 1
    assert not one.is_file()
    assert offer_all(pool, "acme", stored) == [True, True]
    assert pool.figures().duplicates == given
    assert stored_keys(pool, "acme", stored) == keys(stored)


def test_what_a_scan_finds_damaged_is_removed_and_what_is_not_its_own_is_left(
    tmp_path: Path,
) -> None:
    stored = chain("system", "policy")
    filled(tmp_path, stored)
    drawer = files_in(tmp_path)[0].parent
    bad = drawer / f"{'ab' * 16}.safetensors"
    bad.write_bytes(b"not a header")
    renamed = drawer / f"{'cd' * 16}.safetensors"
    renamed.write_bytes(files_in(drawer)[0].read_bytes())
    unfinished = drawer / ".one.safetensors.0011.unfinished"
    unfinished.write_bytes(b"half")
    foreign = drawer / "notes.txt"
    foreign.write_text("not ours")
    pool = tiered_pool(ROOMY, file_tier(tmp_path))
    assert stored_keys(pool, "acme", stored) == keys(stored)
    assert pool.figures().damaged_files == 2
    assert [path.exists() for path in (bad, renamed, unfinished, foreign)] == [False] * 3 + [True]


def test_once_a_cube_key_is_destroyed_nothing_behind_it_opens_and_the_file_goes(
    tmp_path: Path,
) -> None:
    stored = chain("system", "erased", "below")
    cubes = {
        one.key: [bytes([number]) * 32 for number in range(at + 1)] for at, one in enumerate(stored)
    }
    destroyed: set[bytes] = set()

    def cube_keys(key: bytes) -> Sequence[bytes] | None:
        found = cubes.get(key, [CUBE_KEY])
        return None if destroyed & set(found) else found

    first = tiered_pool(ROOMY, file_tier(tmp_path, cube_keys=cube_keys))
    offer_all(first, "acme", stored)
    assert first.save() == 3
    destroyed.add(bytes([1]) * 32)
    pool = tiered_pool(ROOMY, file_tier(tmp_path, cube_keys=cube_keys))
    assert stored_keys(pool, "acme", stored) == [stored[0].key]
    assert pool.figures().closed_files == 1
    assert len(files_in(tmp_path)) == 2
    cubes[stored[2].key] = [bytes([0]) * 32, bytes([2]) * 32]  # whoever leaves the erased one out
    offer_all(pool, "acme", stored[:2])
    assert stored_keys(pool, "acme", stored) == keys(stored[:2])
    assert pool.figures().damaged_files == 1


def test_a_segment_of_no_cube_is_sealed_under_the_secret_alone(tmp_path: Path) -> None:
    stored = chain("system")
    first = tiered_pool(ROOMY, file_tier(tmp_path, cube_keys=lambda _: ()))
    offer_all(first, "acme", stored)
    assert first.save() == 1
    pool = tiered_pool(ROOMY, file_tier(tmp_path, cube_keys=lambda _: ()))
    assert stored_keys(pool, "acme", stored) == keys(stored)


def test_a_segment_whose_keys_are_destroyed_is_not_written(tmp_path: Path) -> None:
    pool = tiered_pool(Limits(SIZE), file_tier(tmp_path, cube_keys=lambda _: None))
    offer_all(pool, "acme", [segment("one"), segment("two")])
    assert files_in(tmp_path) == []
    assert pool.figures().unwritten_files == 1


def test_keys_that_cannot_be_asked_for_now_are_a_miss_and_the_file_stays(tmp_path: Path) -> None:
    stored = chain("system")
    filled(tmp_path, stored)
    is_down = True

    def cube_keys(key: bytes) -> Sequence[bytes]:
        if is_down:
            raise StoreUnavailable(key.hex())
        return (CUBE_KEY,)

    pool = tiered_pool(TWO, file_tier(tmp_path, cube_keys=cube_keys))
    assert stored_keys(pool, "acme", stored) == []
    assert bytes_in(pool) == 0
    assert pool.figures().unavailable == 1
    assert offer_all(pool, "acme", [segment(f"{number}") for number in range(3)]) == [True] * 3
    assert pool.figures().unwritten_files == 1
    is_down = False
    assert stored_keys(pool, "acme", stored) == keys(stored)


def test_whatever_a_load_raises_leaves_the_file_and_the_bytes_as_they_were(tmp_path: Path) -> None:
    stored = chain("system")
    filled(tmp_path, stored)

    def broken(key: bytes) -> Sequence[bytes]:
        raise ZeroDivisionError(key.hex())

    pool = tiered_pool(TWO, file_tier(tmp_path, cube_keys=broken))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            pool.lease("acme", keys(stored))
    assert bytes_in(pool) == 0
    assert len(files_in(tmp_path)) == 1


def test_a_disk_that_cannot_be_written_costs_the_file_and_nothing_else(tmp_path: Path) -> None:
    in_the_way = tmp_path / "files"
    in_the_way.write_text("a file where the directory should be")
    pool = tiered_pool(Limits(SIZE), file_tier(in_the_way))
    assert offer_all(pool, "acme", [segment("one"), segment("two")]) == [True, True]
    assert pool.figures().unwritten_files == 1
    assert pool.figures().bytes["files"] == {}


def test_a_load_that_takes_longer_than_computing_is_not_done(tmp_path: Path) -> None:
    stored = chain("system")
    first = tiered_pool(ROOMY, file_tier(tmp_path))
    first.offer("acme", stored[0], 0.5)
    first.save()
    pool = tiered_pool(ROOMY, SlowFiles(tmp_path, ROOMY, SECRET, lambda _: (CUBE_KEY,)))
    assert stored_keys(pool, "acme", stored) == []
    assert pool.offer("acme", stored[0], 0.7)
    figures = pool.figures()
    assert (figures.loads, figures.misses) == ({}, 1)
    assert (figures.right_computations, figures.wrong_computations) == (1, 0)
    assert pool.predictions()[-1].computed == 0.7
    assert stored_keys(pool, "acme", stored) == keys(stored)


def test_what_would_not_be_loaded_again_is_not_written(tmp_path: Path) -> None:
    pool = tiered_pool(Limits(SIZE), file_tier(tmp_path))
    pool.offer("acme", segment("one"), 1e-6)
    pool.offer("acme", segment("two"), 1.0)
    assert files_in(tmp_path) == []
    assert pool.figures().not_worth_keeping == 1


def test_a_changed_source_takes_its_files_along(tmp_path: Path) -> None:
    stored = chain("system", "policy")
    pool = filled(tmp_path, stored)
    assert pool.evict("acme", stored[0].key) == 2
    assert stored_keys(pool, "acme", stored) == []
    assert files_in(tmp_path) == []
    assert pool.save() == 2
    assert pool.evict_tenant("acme") == 2
    assert files_in(tmp_path) == []
    assert bytes_in(pool, "files") == bytes_in(pool) == 0


def test_int8_files_are_marked_and_so_is_all_that_is_computed_on_them(tmp_path: Path) -> None:
    stored = chain("system", "policy")
    pool = filled(tmp_path, stored, as_int8=True)
    with pool.lease("acme", keys(stored[:1])) as lease:
        assert not lease.is_exact
        off = (lease.segments[0].keys_values - stored[0].keys_values).abs().max().item()
        assert 0 < off <= stored[0].keys_values.abs().max().item() / 127 / 2 * 1.001
        child = segment("on it", stored[0])
        assert pool.offer("acme", child, SLOW)
    with pool.lease("acme", keys([stored[0], child])) as lease:
        assert keys(lease.segments) == keys([stored[0], child])
        assert not lease.is_exact
    fresh = segment("fresh")
    pool.offer("acme", fresh, SLOW)
    with pool.lease("acme", [fresh.key]) as lease:
        assert lease.is_exact
    figures = pool.figures()
    assert figures.quantised > 0
    assert figures.inexact_hits == 3


def test_what_was_computed_on_int8_is_marked_still_after_a_restart(tmp_path: Path) -> None:
    stored = chain("system", "policy")
    filled(tmp_path / "int8", stored, as_int8=True)
    pool = tiered_pool(ROOMY, file_tier(tmp_path / "int8"))
    child = segment("on it", stored[0])
    with pool.lease("acme", keys(stored[:1])):
        pool.offer("acme", child, SLOW)
    pool.save()
    again = tiered_pool(ROOMY, file_tier(tmp_path / "int8"))
    with again.lease("acme", keys([stored[0], child])) as lease:
        assert len(lease.segments) == 2
        assert not lease._stored[1].is_exact


def test_three_tiers_hand_down_and_up(tmp_path: Path) -> None:
    pool = Pool([MemoryTier("device", TWO), MemoryTier("host", TWO)], file_tier(tmp_path))
    stored = [segment(f"{number}") for number in range(6)]
    for one in stored:
        pool.offer("acme", one, SLOW)
    figures = pool.figures()
    assert figures.demotions == {"host": 4, "files": 2}
    assert {tier: sum(of.values()) for tier, of in figures.bytes.items()} == {
        "device": 2 * SIZE,
        "host": 2 * SIZE,
        "files": sum(path.stat().st_size for path in files_in(tmp_path)),
    }
    for one in stored:
        with pool.lease("acme", [one.key]) as lease:
            assert all(map(is_right, lease.segments))
            assert len(lease.segments) == 1
    figures = pool.figures()
    assert figures.misses == 0
    assert figures.peak_bytes["device"] == figures.peak_bytes["host"] == 2 * SIZE


def test_a_pinned_segment_stays_in_its_files_too(tmp_path: Path) -> None:
    one = segment("pinned")
    pool = tiered_pool(TWO, file_tier(tmp_path, Limits(2 * (SIZE + 2_100))))
    pool.pin("acme", one.key)
    pool.offer("acme", one, 1.0)
    assert pool.save() == 1
    for number in range(6):
        pool.offer("acme", segment(f"{number}"), SLOW)
    again = tiered_pool(TWO, file_tier(tmp_path))
    assert stored_keys(again, "acme", [one]) == [one.key]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_segments_go_from_the_gpu_to_pinned_memory_and_back_bit_for_bit() -> None:
    pool = Pool([MemoryTier("gpu", TWO, on("cuda")), MemoryTier("pinned", ROOMY, pinned)])
    stored = [segment(f"{number}") for number in range(4)]
    offer_all(pool, "acme", stored)
    for one in stored:
        with pool.lease("acme", [one.key]) as lease:
            (leased,) = lease.segments
            assert leased.keys_values.is_cuda
            assert torch.equal(leased.keys_values.cpu(), one.keys_values)
    assert pool.figures().loads["pinned"] >= 2
