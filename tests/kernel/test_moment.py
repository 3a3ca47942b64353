"""Moments: one number a record, in one order over all partitions of a log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.kernel.moment import (
    EPOCH,
    MAX_CUT_NAME_BYTES,
    MOST_PARTITIONS,
    NEWEST,
    Cutoffs,
    is_kept_cut,
    last_at,
    later,
    next_ordinal,
    partition_of,
    plain,
    reaches,
    time_of,
)
from memos.wire.event_pb2 import CutNamed

START = EPOCH * 1000  # microseconds
DECADES = 30 * 365 * 86_400 * 1_000_000

partitions = st.integers(0, MOST_PARTITIONS - 1)
times = st.integers(START, START + DECADES)


@given(partitions, times)
def test_an_ordinal_tells_its_partition_and_its_millisecond(partition: int, time: int) -> None:
    ordinal = next_ordinal(-1, partition, time)
    assert partition_of(ordinal) == partition
    assert time_of(ordinal) == time // 1000 * 1000
    assert 0 <= ordinal < NEWEST


@given(partitions, st.lists(st.integers(0, 3_000), max_size=30))
def test_ordinals_of_a_partition_grow_even_within_a_millisecond(
    partition: int, steps: list[int]
) -> None:
    time, ordinal = START, -1
    for step in steps:
        time += step
        following = next_ordinal(ordinal, partition, time)
        assert following > ordinal
        assert partition_of(following) == partition
        ordinal = following


@given(partitions, partitions, times, times)
def test_records_of_two_partitions_are_ordered_by_log_time(
    one: int, other: int, earlier: int, later: int
) -> None:
    if earlier // 1000 < later // 1000:
        assert next_ordinal(-1, one, earlier) < next_ordinal(-1, other, later)


@given(partitions, times)
def test_the_last_moment_of_a_log_time_reaches_its_millisecond_and_no_later_one(
    partition: int, time: int
) -> None:
    at = last_at(time)
    assert reaches(at, next_ordinal(-1, partition, time))
    assert not reaches(at, next_ordinal(-1, partition, time + 1000))


def test_a_time_before_all_records_reaches_none() -> None:
    assert last_at(0) == -1
    assert not reaches(last_at(0), next_ordinal(-1, 0, START))


def test_a_cut_reaches_each_partition_up_to_its_own_record() -> None:
    one, two = next_ordinal(-1, 0, START), next_ordinal(-1, 1, START)
    later = next_ordinal(one, 0, START)
    cut = Cutoffs((one, -1))
    assert [reaches(cut, ordinal) for ordinal in (one, later, two)] == [True, False, False]
    assert not reaches(cut, next_ordinal(-1, 2, START))  # a partition that the cut does not name


def test_a_moment_reaches_its_own_record_and_none_behind_it() -> None:
    assert [reaches(5, ordinal) for ordinal in (4, 5, 6)] == [True, True, False]


@pytest.mark.parametrize(
    ("name", "partition", "offset", "kept"),
    [
        ("r", 0, 0, True),
        ("x" * MAX_CUT_NAME_BYTES, MOST_PARTITIONS - 1, NEWEST - 1, True),
        ("", 0, 0, False),
        ("x" * (MAX_CUT_NAME_BYTES + 1), 0, 0, False),
        ("ß" * (MAX_CUT_NAME_BYTES // 2 + 1), 0, 0, False),
        ("release", MOST_PARTITIONS, 0, False),
        ("release", 0, NEWEST, False),
    ],
)
def test_a_cut_is_kept_under_a_name_and_at_positions_that_can_be_asked_for(
    name: str, partition: int, offset: int, kept: bool
) -> None:
    cut = CutNamed(name=name)
    cut.positions.add(partition=1, offset=1)
    cut.positions.add(partition=partition, offset=offset)
    assert is_kept_cut(cut) is kept


def test_a_moment_of_one_partition_is_its_offset() -> None:
    assert (plain(7), plain(Cutoffs((7,)))) == (7, 7)


def test_the_later_of_two_moments_reaches_what_either_reaches() -> None:
    assert later(3, 5) == later(5, 3) == 5
    assert later(4, Cutoffs((2, 9))) == later(Cutoffs((2, 9)), 4) == Cutoffs((4, 9))
    assert later(Cutoffs((1, 8)), Cutoffs((6, 2))) == Cutoffs((6, 8))
    both = later(Cutoffs((1,)), Cutoffs((0, 7, -1)))
    assert both == later(Cutoffs((0, 7, -1)), Cutoffs((1,))) == Cutoffs((1, 7, -1))
    assert type(both) is type(later(4, Cutoffs((2,)))) is Cutoffs


def test_a_cut_reaches_nothing_of_a_partition_that_it_does_not_know() -> None:
    known, unknown = next_ordinal(-1, 0, START), next_ordinal(-1, 1, START)
    assert reaches(Cutoffs((known,)), known)
    assert not reaches(Cutoffs((known,)), unknown)
    assert not reaches(Cutoffs((known, unknown - 1)), unknown)
