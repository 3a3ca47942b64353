"""A broker that is killed or does not answer while appends are under way."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from uuid import uuid4

import pytest

from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.kafka.topics import create_topics
from memos.infrastructure.servers import LocalServers, leased
from memos.kernel.errors import LogUnavailable, Unacknowledged
from memos.kernel.event import Record
from tests.engines import up_or_skip
from tests.waiting import wait_until

pytestmark = [pytest.mark.engines, pytest.mark.slow, pytest.mark.timeout(900)]

WAIT_SECONDS = 240
SOON_SECONDS = 30
"""Far above what was set, far below for ever."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServers]:
    """A broker of our own, to be killed."""
    with leased(LocalServers(tmp_path_factory.mktemp("broker"), ("kafka",))) as servers:
        up_or_skip(servers)
        yield servers


@pytest.fixture
def settings(broker: LocalServers) -> KafkaSettings:
    made = KafkaSettings(broker.address("kafka"), prefix=f"test-{uuid4()}", partitions=4)
    create_topics(made)
    return made


def everything(logs: KafkaLogs) -> list[Record]:
    return [r for batch in logs.events.read_all(logs.events.end()) for r in batch]


class Appending:
    """Threads that append until told to stop; what was acknowledged, and what was not."""

    def __init__(self, logs: KafkaLogs, threads: int = 4) -> None:
        self.acknowledged: list[Record] = []
        self.unknown: list[bytes] = []
        self._logs = logs
        self._stop = Event()
        self._pool = ThreadPoolExecutor(threads)
        self._running = [self._pool.submit(self._run, n) for n in range(threads)]

    def _run(self, thread: int) -> None:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            entries = [(b"key %d" % n, b"%d %d %d" % (thread, turn, n)) for n in range(10)]
            try:
                self.acknowledged.extend(self._logs.events.append(entries))
            except Unacknowledged:
                self.unknown.extend(data for _, data in entries)

    def wait_for_more(self) -> None:
        """Wait until something that is appended from now on is acknowledged."""
        before = len(self.acknowledged)
        wait_until(lambda: len(self.acknowledged) > before, "one more is acknowledged")

    def stop(self) -> None:
        self._stop.set()
        for each in self._running:
            each.result()
        self._pool.shutdown()


def test_nothing_acknowledged_is_missing_after_the_broker_was_killed(
    broker: LocalServers, settings: KafkaSettings
) -> None:
    with KafkaLogs(settings) as logs:
        appending = Appending(logs)
        for _ in range(2):
            appending.wait_for_more()
            broker.kill("kafka")
            time.sleep(0.5)
            broker.start("kafka")
        appending.wait_for_more()
        appending.stop()
        stored = everything(logs)
    assert Counter(stored) >= Counter(appending.acknowledged)
    copies = Counter(record.data for record in stored)
    assert set(copies.values()) == {1}  # the producer's own repetitions are stored once
    assert set(copies) <= {r.data for r in appending.acknowledged} | set(appending.unknown)


def test_a_broker_that_is_silent_for_a_while_is_waited_for(
    broker: LocalServers, settings: KafkaSettings
) -> None:
    with KafkaLogs(settings) as logs:
        logs.events.append([(b"key", b"first")])
        broker.pause("kafka")
        try:
            second = logs.events.append_async([(b"key", b"second")])
            time.sleep(2)
            assert not second.done()
        finally:
            broker.resume("kafka")
        assert [record.data for record in second.result(WAIT_SECONDS)] == [b"second"]
        assert [record.data for record in everything(logs)] == [b"first", b"second"]


def test_a_silent_broker_is_named_and_the_caller_is_told_what_is_unsure(
    broker: LocalServers, settings: KafkaSettings
) -> None:
    with KafkaLogs(replace(settings, timeout=3)) as logs:
        logs.events.append([(b"key", b"first")])
        cut = logs.events.end()
        broker.pause("kafka")
        try:
            began = time.monotonic()
            with pytest.raises(Unacknowledged) as unsure:
                logs.events.append([(b"key", b"second"), (b"key", b"third")])
            assert time.monotonic() - began < SOON_SECONDS
            with pytest.raises(LogUnavailable, match=settings.bootstrap_servers):
                list(logs.events.read_all(cut))
        finally:
            broker.resume("kafka")
        assert settings.bootstrap_servers in str(unsure.value)
        assert "acknowledged 0 of 2 events" in str(unsure.value)
        assert "may have been appended" in str(unsure.value)
        assert "idempotency key" in str(unsure.value)
        assert [r.data for r in logs.events.append([(b"key", b"fourth")])] == [b"fourth"]
        copies = Counter(record.data for record in everything(logs))
    assert set(copies.values()) == {1}
    assert copies.keys() >= {b"first", b"fourth"}


def test_a_log_that_is_closed_while_the_broker_is_away_ends_and_says_so(
    broker: LocalServers, settings: KafkaSettings
) -> None:
    logs = KafkaLogs(replace(settings, timeout=2))
    logs.events.append([(b"key", b"first")])
    broker.kill("kafka")
    try:
        lost = logs.events.append_async([(b"key", b"second")])
        began = time.monotonic()
        logs.close()
        assert time.monotonic() - began < SOON_SECONDS
        with pytest.raises(LogUnavailable, match=settings.bootstrap_servers):
            lost.result(0)
    finally:
        broker.start("kafka")


def test_a_read_goes_on_when_the_broker_comes_back(
    broker: LocalServers, settings: KafkaSettings
) -> None:
    data = bytes(10_000)
    with KafkaLogs(settings) as logs:
        for _ in range(5):  # more than a reader holds in memory
            logs.events.append([(b"key", data)] * 1000)
        partition = logs.events.partition_of(b"key")
        reader = logs.events.read(partition)
        offsets = [next(reader).position.offset]
        broker.kill("kafka")
        broker.start("kafka")
        offsets.extend(record.position.offset for record in reader)
    assert offsets == list(range(5000))
