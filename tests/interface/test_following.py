"""Reading on in a log: each record once, whatever order its partitions are folded in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos import InvalidInput, LogEntry, Memory
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.interface.following import Following, Place
from memos.kernel.event import Position
from memos.operation.cube import as_datetime
from memos.operation.reads.opaque_token import pack_token

BEGUN = datetime.now(UTC) - timedelta(days=1)
APART = timedelta(minutes=1)
"""Between two records: much more than clocks may differ by."""


class Log:
    """A log of several partitions, which are folded one record after another.

    Attributes:
        waiting: of each partition what is appended, and not folded.
    """

    def __init__(self, path: Path, partitions: Iterable[int] = ()) -> None:
        self.path = path
        self.entries: list[LogEntry] = []
        self.waiting: dict[int, list[LogEntry]] = {0: [], 1: [], 2: []}
        self.listed = 0
        for number, partition in enumerate(partitions):
            entry = record(number, partition, len(self.waiting[partition]))
            self.waiting[partition].append(entry)

    def fold(self, partition: int) -> None:
        """Fold the next record of a partition."""
        self.entries.append(self.waiting[partition].pop(0))

    def _folded_until(self) -> datetime:
        """As a `Memory` has it: a partition with no more records is not behind."""
        until = datetime.now(UTC)
        for partition, waiting in self.waiting.items():
            if waiting:
                of_it = (each for each in self.entries if each.position.partition == partition)
                until = min(until, max((each.log_time for each in of_it), default=BEGUN))
        return until

    def events(self, *, since: str | datetime | None) -> Iterator[LogEntry]:
        """As `Memory.events`: from a position on, inclusive, or behind a time, by log time."""
        ordered = sorted(self.entries, key=lambda entry: (entry.log_time, entry.position))
        if since is None:
            return iter(ordered)
        if isinstance(since, str) and since[1] == ":":
            (at,) = (entry for entry in ordered if str(entry.position) == since)
            return iter(ordered[ordered.index(at) :])
        time = datetime.fromisoformat(since) if isinstance(since, str) else since
        found = [entry for entry in ordered if entry.log_time > time]
        self.listed += len(found)
        return iter(found)


def record(number: int, partition: int, offset: int) -> LogEntry:
    """The n-th record of a log, a minute behind the one before."""
    return LogEntry(
        event_id=str(number),
        kind="Generated",
        cube_id="",
        version=1,
        scope="acme",
        actor="",
        position=Position(partition, offset),
        log_time=BEGUN + (number + 1) * APART,
        operation_id="",
        result="accepted",
        reason="",
    )


def following(log: Log, place: Place) -> Following:
    return Following(cast(Memory, log), {}, place)


def told_by(reader: Following) -> list[str]:
    """What a reader tells until there is nothing new."""
    told = []
    while entries := reader.read(3):
        for entry in entries:
            reader.tell(entry)
            told.append(entry.event_id)
    return told


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings file of a vault whose log may have several partitions."""
    path = tmp_path_factory.mktemp("servers") / "memos.toml"
    path.write_text('engine = "distributed"\n')
    return path


@given(data=st.data(), partitions=st.lists(st.integers(0, 2), max_size=30))
def test_each_record_is_told_once_whatever_order_partitions_are_folded_in(
    servers: Path, data: st.DataObject, partitions: list[int]
) -> None:
    log = Log(servers, partitions)
    reader, told = following(log, Place(BEGUN.isoformat(), {})), []
    while any(log.waiting.values()):
        nexts = [partition for partition, records in log.waiting.items() if records]
        log.fold(data.draw(st.sampled_from(nexts)))
        if data.draw(st.booleans()):
            told += told_by(reader)
        if data.draw(st.booleans()):  # a client comes back with the last id
            reader = following(log, Place.parse(str(reader.place)))
    told += told_by(reader)
    assert sorted(told, key=int) == [str(number) for number in range(len(partitions))]


def test_what_all_partitions_are_past_is_not_read_again(servers: Path) -> None:
    log = Log(servers, [0] * 20)
    reader = following(log, Place(BEGUN.isoformat(), {}))
    while log.waiting[0]:
        log.fold(0)
    assert len(told_by(reader)) == 20
    log.listed = 0
    assert told_by(reader) == []
    assert told_by(reader) == []
    assert log.listed <= 1


@given(partitions=st.lists(st.integers(0, 2), max_size=30), count=st.integers(0, 31))
def test_the_last_records_are_shown_and_then_what_is_folded_behind_them(
    servers: Path, partitions: list[int], count: int
) -> None:
    log = Log(servers, partitions)
    late = list(log.waiting[2])
    for partition in (0, 1):
        while log.waiting[partition]:
            log.fold(partition)
    expected = [str(n) for n, partition in enumerate(partitions) if partition != 2]
    last, behind = Following.behind_last(cast(Memory, log), {}, count)
    assert [entry.event_id for entry in last] == expected[
        len(expected) - min(count, len(expected)) :
    ]
    while log.waiting[2]:
        log.fold(2)
    assert told_by(behind) == [entry.event_id for entry in late]


def test_of_one_partition_what_was_told_is_not_read_again(tmp_path: Path) -> None:
    log = Log(tmp_path / "vault")
    reader = following(log, Place(BEGUN.isoformat(), {}))
    for number in range(5):
        log.waiting[0].append(record(number, 0, number))
        log.fold(0)
    for entry in reader.read(5):
        reader.tell(entry)
    assert reader.place.since == "0:4"


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["now", {}],
        ["0:1"],
        ["2024-01-01T00:00:00", {}],
        ["0:1", {"0": "1"}],
        ["0:1", {"x": 1}],
        ["0:1", {"0": -1}],
        ["0:1", {"0": True}],
        ["0:1", []],
        [1, {}],
        ["0:1", {}, 3],
    ],
)
def test_a_place_that_is_none_is_refused(fields: list[Any]) -> None:
    with pytest.raises(InvalidInput, match="no id of a change"):
        Place.parse(pack_token(1, fields))


@given(text=st.text())
def test_no_text_is_more_than_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Place.parse(text)


def test_who_is_narrowed_is_told_of_no_record_by_how_late_a_partition_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = 1_700_000_123_456_789
    monkeypatch.setattr(EmbeddedReader, "folded_until", lambda _: last)
    with Memory(tmp_path / "v", actor="agent:alice") as memory:
        memory.add("text", scope="acme")
        assert memory._folded_until() == as_datetime(last)
        narrowed = memory.as_actor("agent:bob", tenant="acme")
        assert narrowed._folded_until() == as_datetime(last - last % 60_000_000)
