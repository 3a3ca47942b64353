"""Several partitions as one order."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from memos.infrastructure.engine.cuts import ascending
from memos.infrastructure.engine.distributed.merger import Merger
from memos.infrastructure.engine.migration import Moved
from memos.infrastructure.engine.resume import Resume
from memos.infrastructure.log.ancestry import FirstPlace
from memos.kernel.consequences import consequences_of
from memos.kernel.errors import Refused
from memos.kernel.event import SCHEMA, Position
from memos.wire.event_pb2 import Event


def generated(number: int, absorbs: Sequence[bytes] = ()) -> Event:
    event = Event(
        event_id=number.to_bytes(16, "big"),
        cube_id=(1000 + number).to_bytes(16, "big"),
        schema_major=SCHEMA[0],
        schema_minor=SCHEMA[1],
        kind="KIND_GENERATED",
        tenant="acme",
        scope="acme",
    )
    event.generated.SetInParent()
    for cube_id in absorbs:
        event.generated.absorbs.add(cube_id=cube_id, scope="acme")
    return event


def moved(partition: int, offset: int, log_time: int, event: Event) -> Moved:
    at = Position(partition, offset)
    first = FirstPlace(f"memos/test/{partition}", offset, log_time)
    return Moved(at, log_time, event.SerializeToString(), first, event)


def test_records_come_by_log_time_and_each_partition_in_its_own_order() -> None:
    random = Random(7)
    partitions = {
        p: [
            moved(p, n, t, generated(100 * p + n))
            for n, t in enumerate(sorted(random.choices(range(50), k=20)))
        ]
        for p in range(3)
    }
    ends = dict.fromkeys(partitions, 20)
    found = [
        list(Merger({p: iter(each) for p, each in partitions.items()}).until(ends))
        for _ in range(2)
    ]
    assert found[0] == found[1]
    times = [each.log_time for each in found[0]]
    assert times == sorted(times)
    for p, each in partitions.items():
        assert [one for one in found[0] if one.position.partition == p] == each


def test_no_event_comes_before_the_one_that_caused_it() -> None:
    absorbed = generated(1)
    merge = generated(2, absorbs=[absorbed.cube_id])
    (consequence,) = consequences_of(merge)
    # One millisecond holds both, and a broker's clock may even lag behind another's.
    partitions = {
        0: [moved(0, 0, 5, absorbed), moved(0, 1, 9, consequence), moved(0, 2, 9, generated(3))],
        1: [moved(1, 0, 10, merge), moved(1, 1, 30, generated(4))],
    }
    merger = Merger({p: iter(each) for p, each in partitions.items()})
    order = [each.event.event_id for each in merger.until({0: 3, 1: 2}) if each.event]
    assert order.index(merge.event_id) < order.index(consequence.event_id)
    assert len(order) == 5


def test_a_consequence_whose_cause_is_in_no_partition_holds_nothing_up() -> None:
    (orphan,) = consequences_of(generated(2, absorbs=[generated(1).cube_id]))
    merger = Merger({0: iter([moved(0, 0, 1, orphan), moved(0, 1, 2, generated(3))])})
    assert len(list(merger.until({0: 2}))) == 2


def test_a_merge_can_be_read_in_stretches_that_end_at_cuts() -> None:
    partitions = {p: [moved(p, n, n, generated(10 * p + n)) for n in range(4)] for p in range(2)}
    merger = Merger({p: iter(each) for p, each in partitions.items()})
    first = list(merger.until({0: 1, 1: 3}))
    assert {each.position for each in first} == {(0, 0), (1, 0), (1, 1), (1, 2)}
    rest = list(merger.until({0: 4, 1: 4}))
    assert len(rest) == 4


def test_cuts_are_put_in_order_and_the_end_is_the_last() -> None:
    end = {0: 9, 1: 9}
    assert ascending([{0: 5, 1: 2}, {0: 1, 1: 1}], end) == [{0: 1, 1: 1}, {0: 5, 1: 2}, end]
    assert ascending([], end) == [end]
    # Two that were named at once: the later one is widened to hold the earlier.
    assert ascending([{0: 2, 1: 0}, {0: 0, 1: 3}], end) == [{0: 2, 1: 0}, {0: 2, 1: 3}, end]


def test_what_is_there_is_told_from_what_is_missing_by_the_last_record() -> None:
    places = [FirstPlace("memos/a", n, n) for n in range(4)]
    resume = Resume({0: places[1]})
    assert [resume.is_missing(0, place) for place in places] == [False, False, True, True]
    assert resume.is_missing(1, places[0])
    assert resume.counted == {0: 4, 1: 1}
    resume.check_found()


def test_a_target_that_ends_with_a_foreign_record_is_refused() -> None:
    resume = Resume({0: FirstPlace("memos/b", 7, 7)})
    assert not resume.is_missing(0, FirstPlace("memos/a", 0, 0))
    with pytest.raises(Refused, match="memos/b"):
        resume.check_found()


def test_what_follows_from_an_event_before_the_cut_is_not_held_up() -> None:
    cause = generated(1, absorbs=[b"source".ljust(16)])
    (follower,) = consequences_of(cause)
    partitions = {
        0: [moved(0, 5, 10, follower), moved(0, 6, 11, generated(2))],
        1: [moved(1, 7, 20, generated(3))],
    }
    merger = Merger(
        {p: iter(each) for p, each in partitions.items()},
        lambda event: event.cause_id == cause.event_id,
    )
    assert [each.log_time for each in merger.until({0: 7, 1: 8})] == [10, 11, 20]
