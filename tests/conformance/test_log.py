"""The contract of an event log (see `memos.infrastructure.log.port`)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conformance.backends import LOGS, LogStore

Open = Callable[[], AbstractContextManager[LogStore]]


@pytest.fixture(params=sorted(LOGS))
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    backend = LOGS[request.param]
    return lambda: backend(tmp_path)


def entries(*texts: str) -> list[tuple[bytes, bytes]]:
    return [(b"key", text.encode()) for text in texts]


def test_an_empty_log_ends_where_it_begins(open_log: Open) -> None:
    with open_log() as log:
        assert set(log.end().values()) == {0}
        assert list(log.read(0, 0, None)) == []


def test_what_was_appended_is_read_in_order_byte_for_byte(open_log: Open) -> None:
    data = [b"", b"\x00\xff", b"x" * 100_000]
    with open_log() as log:
        records = log.append([(b"key", each) for each in data])
        partition = records[0].position.partition
        assert [record.data for record in records] == data
        assert [record.position.offset for record in records] == [0, 1, 2]
        assert list(log.read(partition, 0, None)) == records
        assert log.end()[partition] == 3


def test_records_are_read_from_and_up_to_an_offset(open_log: Open) -> None:
    with open_log() as log:
        log.append(entries(*map(str, range(2500))))
        assert [r.data for r in log.read(0, 2498, None)] == [b"2498", b"2499"]
        assert [r.data for r in log.read(0, 999, 1002)] == [b"999", b"1000", b"1001"]
        assert list(log.read(0, 2500, None)) == []
        assert list(log.read(0, 5, 5)) == []
        assert len(list(log.read(0, 0, None))) == 2500


def test_log_time_never_falls(open_log: Open) -> None:
    with open_log() as log:
        for n in range(20):
            log.append(entries(str(n)))
        times = [record.log_time for record in log.read(0, 0, None)]
        assert all(one <= other for one, other in pairwise(times))


def test_a_failed_append_leaves_nothing(open_log: Open) -> None:
    with open_log() as log:
        log.append(entries("kept"))
        with pytest.raises(TypeError):
            log.append([(b"key", b"half"), (b"key", "no bytes")])  # type: ignore[list-item]
        assert [record.data for record in log.read(0, 0, None)] == [b"kept"]
        log.append(entries("next"))
        assert [record.position.offset for record in log.read(0, 0, None)] == [0, 1]


def test_appends_of_many_threads_are_all_there_each_in_one_piece(open_log: Open) -> None:
    with open_log() as log:
        with ThreadPoolExecutor(8) as threads:
            batches = list(
                threads.map(lambda n: log.append(entries(f"{n}a", f"{n}b", f"{n}c")), range(40))
            )
        assert len(list(log.read(0, 0, None))) == 120
        for batch in batches:
            offsets = [record.position.offset for record in batch]
            assert offsets == list(range(offsets[0], offsets[0] + 3))


def test_a_log_that_is_opened_again_goes_on_where_it_ended(open_log: Open) -> None:
    with open_log() as log:
        log.append(entries("one", "two"))
    with open_log() as log:
        (record,) = log.append(entries("three"))
        assert record.position.offset == 2
        assert [r.data for r in log.read(0, 0, None)] == [b"one", b"two", b"three"]


def test_two_that_have_the_log_open_append_in_turn(open_log: Open) -> None:
    with open_log() as one, open_log() as other:
        for n in range(10):
            assert one.append(entries(f"one {n}"))[0].position.offset == 2 * n
            assert other.append(entries(f"other {n}"))[0].position.offset == 2 * n + 1
        assert list(one.read(0, 0, None)) == list(other.read(0, 0, None))
