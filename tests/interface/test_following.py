"""Reading on in a log: each record once, whatever order its partitions are folded in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos import InvalidInput, LogEntry, Memory
from memos.interface.http.following import Following, Place
from memos.kernel.event import Position
from memos.operation.reads.opaque_token import pack_token

BEGUN = datetime.now(UTC) + timedelta(hours=1)
"""Ahead of the clock, so that no reader comes to think that nothing more is written then."""


class Log:
    """A log of several partitions, of which one record after another can be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[LogEntry] = []

    def show(self, entry: LogEntry) -> None:
        self.entries.append(entry)

    def events(self, *, since: str) -> Iterator[LogEntry]:
        """As `Memory.events`: from a position on, inclusive, or behind a time, by log time."""
        ordered = sorted(self.entries, key=lambda entry: (entry.log_time, entry.position))
        if since[1] == ":":
            (at,) = (entry for entry in ordered if str(entry.position) == since)
            return iter(ordered[ordered.index(at) :])
        return (entry for entry in ordered if entry.log_time > datetime.fromisoformat(since))


def record(number: int, partition: int, offset: int) -> LogEntry:
    """The n-th record of a log that began now, a millisecond behind the one before."""
    return LogEntry(
        event_id=str(number),
        kind="Generated",
        cube_id="",
        version=1,
        scope="acme",
        actor="",
        position=Position(partition, offset),
        log_time=BEGUN + timedelta(milliseconds=number + 1),
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
    waiting: dict[int, list[LogEntry]] = {0: [], 1: [], 2: []}
    for number, partition in enumerate(partitions):
        waiting[partition].append(record(number, partition, len(waiting[partition])))
    log = Log(servers)
    reader, told = following(log, Place(BEGUN.isoformat(), {})), []
    while any(waiting.values()):
        nexts = [partition for partition, records in waiting.items() if records]
        log.show(waiting[data.draw(st.sampled_from(nexts))].pop(0))
        if data.draw(st.booleans()):
            told += told_by(reader)
        if data.draw(st.booleans()):  # a client comes back with the last id
            reader = following(log, Place.parse(str(reader.place)))
    told += told_by(reader)
    assert sorted(told, key=int) == [str(number) for number in range(len(partitions))]


def test_of_one_partition_what_was_told_is_not_read_again(tmp_path: Path) -> None:
    log = Log(tmp_path / "vault")
    reader = following(log, Place(BEGUN.isoformat(), {}))
    for number in range(5):
        log.show(record(number, 0, number))
    assert told_by(reader) == ["0", "1", "2", "3", "4"]
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
