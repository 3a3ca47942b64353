"""Where no server takes a connection nobody waits for the time-out, and everybody is told."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from memos.infrastructure.log.kafka.client import REFUSED_SECONDS, TOLD_SECONDS, Connection
from memos.infrastructure.log.kafka.groups import running_workers
from memos.infrastructure.log.kafka.reader import KafkaReader
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.kafka.topics import admin_client, described_ids
from memos.infrastructure.log.kafka.writer import KafkaEntry, KafkaWriter, acknowledged
from memos.kernel.errors import LogUnavailable, Unacknowledged

SOON_SECONDS = 15.0
"""A quarter of the time-out: on a machine that others load, where `TOLD_SECONDS` may become more."""
ENTRIES = [KafkaEntry(0, b"acme", b"an event")]


@pytest.fixture
def down() -> Iterator[KafkaSettings]:
    """An address at which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield KafkaSettings(f"127.0.0.1:{held.getsockname()[1]}", timeout=60)


@pytest.fixture
def slow() -> Iterator[KafkaSettings]:
    """An address at which somebody listens, and answers nothing."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield KafkaSettings(f"127.0.0.1:{held.getsockname()[1]}", timeout=TOLD_SECONDS + 2)


@contextmanager
def soon() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SOON_SECONDS


def test_it_is_stated_to_take_less_than_three_seconds() -> None:
    assert REFUSED_SECONDS <= TOLD_SECONDS < 3


def test_writers_and_readers_are_told_within_seconds_that_all_servers_are_down(
    down: KafkaSettings,
) -> None:
    writer, reader = KafkaWriter(down), KafkaReader(down, "events")
    connection = Connection(down)
    with closing(writer), closing(reader):
        futures = [writer.send("events", ENTRIES)]
        with soon(), pytest.raises(Unacknowledged, match=r"may have been appended.*Check that it"):
            acknowledged(futures[0], down)
        # The next one is not told by the last one's end.
        with soon(), pytest.raises(Unacknowledged):
            acknowledged(writer.send("events", ENTRIES), down)
        with soon(), pytest.raises(LogUnavailable, match="no server takes a connection"):
            reader.ends([0])
        with soon(), pytest.raises(LogUnavailable, match="no server takes a connection"):
            running_workers(down)
        admin = admin_client(connection)
        with soon(), pytest.raises(LogUnavailable, match="no server takes a connection"):
            described_ids(connection, admin, ["events"])
        began = time.monotonic()
        writer.send("events", ENTRIES)
    assert time.monotonic() - began < SOON_SECONDS  # closing gives it up


def test_a_server_that_is_slow_is_not_called_down(slow: KafkaSettings) -> None:
    with closing(KafkaWriter(slow)) as writer:
        future = writer.send("events", ENTRIES)
        with pytest.raises(TimeoutError):
            future.result(TOLD_SECONDS + 0.5)
    with pytest.raises(Unacknowledged):  # the time-out is over
        future.result(0)
