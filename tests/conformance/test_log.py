"""The contract of an event log (see `memos.infrastructure.log.port`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient

from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.kafka.topics import create_topics
from memos.infrastructure.log.port import EventLog
from memos.kernel.errors import InvalidInput
from memos.kernel.event import Record
from tests.conformance.backends import kafka_log, sqlite_log

Open = Callable[[], AbstractContextManager[EventLog]]

BACKENDS = [
    "sqlite",
    pytest.param("kafka", marks=[pytest.mark.engines, pytest.mark.timeout(900)]),
]


@pytest.fixture(params=BACKENDS)
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    if request.param == "sqlite":
        yield lambda: sqlite_log(tmp_path)
        return
    address = request.getfixturevalue("engines").address("kafka")
    settings = KafkaSettings(address, prefix=f"conformance-{uuid4()}", partitions=4)
    create_topics(settings)
    yield lambda: kafka_log(settings)
    admin = AdminClient({"bootstrap.servers": address})
    for removed in admin.delete_topics(list(settings.topics)).values():
        removed.result()


def entries(*texts: str) -> list[tuple[bytes, bytes]]:
    return [(b"key", text.encode()) for text in texts]


def all_of(log: EventLog) -> list[Record]:
    """Every record, a partition after the other."""
    return [r for partition in sorted(log.end()) for r in log.read(partition)]


def test_an_empty_log_ends_where_it_begins(open_log: Open) -> None:
    with open_log() as log:
        assert set(log.end().values()) == {0}
        assert all_of(log) == []


def test_what_was_appended_is_read_in_order_byte_for_byte(open_log: Open) -> None:
    data = [b"", b"\x00\xff", b"x" * 100_000]
    with open_log() as log:
        records = log.append([(b"key", text) for text in data])
        partition = records[0].position.partition
        assert [record.data for record in records] == data
        assert [record.position.offset for record in records] == [0, 1, 2]
        assert list(log.read(partition)) == records
        assert log.end()[partition] == 3


def test_records_are_read_from_and_up_to_an_offset(open_log: Open) -> None:
    with open_log() as log:
        at = log.append(entries(*map(str, range(2500))))[0].position.partition
        assert [r.data for r in log.read(at, 2498)] == [b"2498", b"2499"]
        assert [r.data for r in log.read(at, 999, 1002)] == [b"999", b"1000", b"1001"]
        assert [r.data for r in log.read(at, 2499, 9999)] == [b"2499"]
        assert list(log.read(at, 2500)) == []
        assert list(log.read(at, 5, 5)) == []
        assert len(list(log.read(at))) == 2500


def test_log_time_never_falls(open_log: Open) -> None:
    with open_log() as log:
        for n in range(20):
            log.append(entries(str(n)))
        times = [record.log_time for record in all_of(log)]
        assert all(one <= other for one, other in pairwise(times))


def test_a_failed_append_leaves_nothing(open_log: Open) -> None:
    with open_log() as log:
        log.append(entries("kept"))
        with pytest.raises(TypeError):
            log.append([(b"key", b"half"), (b"key", "no bytes")])  # type: ignore[list-item]
        assert [record.data for record in all_of(log)] == [b"kept"]
        log.append(entries("next"))
        assert [record.position.offset for record in all_of(log)] == [0, 1]


def test_appends_of_many_threads_are_all_there_each_in_one_piece(open_log: Open) -> None:
    with open_log() as log:
        with ThreadPoolExecutor(8) as threads:
            batches = list(
                threads.map(lambda n: log.append(entries(f"{n}a", f"{n}b", f"{n}c")), range(40))
            )
        assert len(all_of(log)) == 120
        for batch in batches:
            offsets = [record.position.offset for record in batch]
            assert offsets == list(range(offsets[0], offsets[0] + 3))


def test_a_log_that_is_opened_again_goes_on_where_it_ended(open_log: Open) -> None:
    with open_log() as log:
        log.append(entries("one", "two"))
    with open_log() as log:
        (record,) = log.append(entries("three"))
        assert record.position.offset == 2
        assert [r.data for r in all_of(log)] == [b"one", b"two", b"three"]


def test_two_that_have_the_log_open_append_in_turn(open_log: Open) -> None:
    with open_log() as one, open_log() as other:
        for n in range(10):
            assert one.append(entries(f"one {n}"))[0].position.offset == 2 * n
            assert other.append(entries(f"other {n}"))[0].position.offset == 2 * n + 1
        assert all_of(one) == all_of(other)


def test_records_come_back_in_the_order_of_the_entries_whatever_their_partitions(
    open_log: Open,
) -> None:
    given = [(b"key %d" % (n % 16), b"%d" % n) for n in range(200)]
    with open_log() as log:
        records = log.append(given)
        assert [record.data for record in records] == [data for _, data in given]
        assert sum(log.end().values()) == 200
        assert sorted(records) == all_of(log)


def test_a_key_has_one_partition_and_its_records_their_order(open_log: Open) -> None:
    where: dict[bytes, set[int]] = {}
    order: dict[bytes, list[int]] = {}
    for _ in range(2):
        with open_log() as log:
            given = [(b"key %d" % (n % 16), b"data") for n in range(160)]
            for (key, _), record in zip(given, log.append(given), strict=True):
                where.setdefault(key, set()).add(record.position.partition)
                order.setdefault(key, []).append(record.position.offset)
    assert all(len(partitions) == 1 for partitions in where.values())
    assert all(offsets == sorted(offsets) for offsets in order.values())


def test_an_append_of_nothing_is_nothing(open_log: Open) -> None:
    with open_log() as log:
        assert log.append([]) == []
        assert all_of(log) == []


def test_a_partition_that_is_not_there_is_refused(open_log: Open) -> None:
    with open_log() as log, pytest.raises(InvalidInput, match="no partition 99"):
        list(log.read(99))
