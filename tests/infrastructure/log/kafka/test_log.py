"""What only the log in Kafka has: partitions by key, gaps, many writers, history that is gone."""

from __future__ import annotations

import ctypes
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.settings import KafkaSettings, event_key
from memos.infrastructure.log.kafka.topics import create_topics
from memos.kernel.errors import Damaged, InvalidInput, LogLost, LogUnavailable, VaultError
from memos.kernel.event import Position
from tests.infrastructure.log.kafka.broker_settings import set_topic
from tests.waiting import wait_until


def some_entries(count: int, keys: int = 50) -> list[tuple[bytes, bytes]]:
    return [(b"key %d" % (n % keys), b"event %d" % n) for n in range(count)]


def test_a_key_goes_where_the_partitioner_of_other_producers_sends_it(logs: KafkaLogs) -> None:
    keys = [event_key("acme", os.urandom(16)) for _ in range(300)]
    found: dict[bytes, int] = {}
    address = logs.events._settings.bootstrap_servers
    producer = Producer({"bootstrap.servers": address, "partitioner": "murmur2_random"})
    for key in keys:
        producer.produce(
            logs.events.topic,
            b"",
            key,
            on_delivery=lambda _, m: found.update({m.key() or b"": m.partition() or 0}),
        )
    producer.flush(30)
    assert found == {key: logs.events.partition_of(key) for key in keys}
    assert set(found.values()) == {0, 1, 2, 3}


def test_a_transaction_leaves_gaps_and_an_aborted_one_no_records(logs: KafkaLogs) -> None:
    log = logs.events
    producer = Producer(
        {
            "bootstrap.servers": log._settings.bootstrap_servers,
            "transactional.id": log.topic,
        }
    )
    producer.init_transactions(30)
    for text, commits in ((b"one", True), (b"never", False), (b"two", True)):
        producer.begin_transaction()
        producer.produce(log.topic, text, b"key", partition=1)
        producer.flush(30)
        if commits:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    # Every transaction ends with a marker, written soon after it.
    wait_until(lambda: log.end()[1] == 6)
    assert [(r.position.offset, r.data) for r in log.read(1)] == [(0, b"one"), (4, b"two")]
    assert [r.data for r in log.read(1, 1)] == [b"two"]
    assert list(log.read(1, 5)) == []
    assert [r.data for batch in log.read_all({1: 4}) for r in batch] == [b"one"]
    assert log.record_at(Position(1, 0)) is not None
    assert log.record_at(Position(1, 1)) is None
    assert log.record_at(Position(1, 2)) is None


def test_a_reader_in_the_middle_is_told_the_log_time_so_far(logs: KafkaLogs) -> None:
    (record,) = logs.events.append([(b"key", b"event")])
    partition, _ = record.position
    later = record.log_time + 5_000_000
    assert [r.log_time for r in logs.events.read(partition, log_time=later)] == [later]
    assert [r.log_time for r in logs.events.read(partition)] == [record.log_time]
    assert record.log_time % 1000 == 0
    assert logs.events.record_at(record.position) == record


def test_an_event_that_is_too_large_is_refused_before_anything_is_sent(logs: KafkaLogs) -> None:
    limit = logs.events._settings.max_event_bytes
    with pytest.raises(InvalidInput, match=f"{limit + 4} bytes .* {limit} bytes"):
        logs.events.append([(b"key", b"small"), (b"key", bytes(limit + 1))])
    assert sum(logs.events.end().values()) == 0
    (record,) = logs.events.append([(b"key", os.urandom(limit - 3))])
    assert list(logs.events.read(record.position.partition)) == [record]


def test_a_topic_that_takes_less_than_the_settings_say_refuses_and_the_log_goes_on(
    settings: KafkaSettings,
) -> None:
    create_topics(settings)
    wider = replace(settings, max_event_bytes=3 * 2**20)
    with KafkaLogs(wider) as logs:
        with pytest.raises(LogUnavailable, match="did not append 1 event") as refused:
            logs.events.append([(b"key", os.urandom(2 * 2**20))])
        assert settings.bootstrap_servers in str(refused.value)
        (record,) = logs.events.append([(b"key", b"next")])
        assert record.position.offset == 0


def test_two_producers_interleave_and_each_keeps_its_order(settings: KafkaSettings) -> None:
    create_topics(settings)

    def write(name: bytes) -> list[Position]:
        with KafkaLogs(settings) as logs:
            return [
                record.position
                for n in range(40)
                for record in logs.events.append(
                    [(b"key %d" % key, b"%s %d" % (name, n)) for key in range(10)]
                )
            ]

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(write, (b"one", b"other"))
    with KafkaLogs(settings) as logs:
        read = [r for batch in logs.events.read_all(logs.events.end()) for r in batch]
    assert Counter(record.position for record in read) == Counter(one + other)
    for partition in range(4):
        for name in (b"one ", b"other "):
            turns = [
                int(r.data.split()[1])
                for r in read
                if r.position.partition == partition and r.data.startswith(name)
            ]
            assert turns == sorted(turns)


def test_all_partitions_are_read_side_by_side_up_to_a_cut(logs: KafkaLogs) -> None:
    logs.events.append(some_entries(5000))
    cut = logs.events.end()
    logs.events.append(some_entries(500))
    batches = list(logs.events.read_all(cut))
    assert all(len({r.position.partition for r in batch}) == 1 for batch in batches)
    assert max(map(len, batches)) <= 1000
    for partition, end in cut.items():
        together = [r for batch in batches for r in batch if r.position.partition == partition]
        assert together == list(logs.events.read(partition, 0, end))
    start = {partition: end - 1 for partition, end in cut.items()}
    assert sum(map(len, logs.events.read_all(cut, start))) == 4
    assert sum(map(len, logs.events.read_all({2: cut[2]}))) == cut[2]


def test_a_read_that_is_left_early_does_not_disturb_the_next(logs: KafkaLogs) -> None:
    logs.events.append(some_entries(3000, keys=1))
    partition = logs.events.partition_of(b"key 0")
    for _ in range(3):
        reader = logs.events.read(partition)
        assert next(reader).data == b"event 0"
        reader.close()  # type: ignore[attr-defined]
    assert [r.data for r in logs.events.read(partition, 2999)] == [b"event 2999"]


def test_history_that_was_removed_is_told(logs: KafkaLogs, admin: AdminClient) -> None:
    logs.events.append(some_entries(20, keys=1))
    partition = logs.events.partition_of(b"key 0")
    gone = TopicPartition(logs.events.topic, partition, 5)
    for removed in admin.delete_records([gone]).values():
        removed.result()
    with pytest.raises(Damaged, match=f"no record {partition}:0 any more.* begins at 5"):
        list(logs.events.read(partition))
    with pytest.raises(Damaged, match="history"):
        logs.events.record_at(Position(partition, 4))
    assert len(list(logs.events.read(partition, 5))) == 15


def test_a_log_that_ends_before_what_was_acknowledged_is_told(logs: KafkaLogs) -> None:
    logs.events.append(some_entries(20))
    end = logs.events.end()[0]
    assert list(logs.events.read(0, end)) == []
    with pytest.raises(Damaged, match=f"ends at {end}, before {end + 1}"):
        list(logs.events.read(0, end + 1))
    with pytest.raises(Damaged, match="before"):
        list(logs.events.read_all({0: end + 1}))
    with pytest.raises(InvalidInput, match="no partition 4"):
        list(logs.events.read(4))


def test_log_times_of_clients_are_refused(logs: KafkaLogs, admin: AdminClient) -> None:
    logs.events.append([(b"key", b"before")])
    set_topic(admin, logs.events.topic, "message.timestamp.type", "CreateTime")
    with pytest.raises(VaultError, match=r"message\.timestamp\.type to LogAppendTime"):
        logs.events.append([(b"key", b"after")])
    with pytest.raises(VaultError, match=r"message\.timestamp\.type to LogAppendTime"):
        list(logs.events.read(logs.events.partition_of(b"key")))


def test_many_appends_are_under_way_at_once_and_closing_waits_for_them(
    settings: KafkaSettings,
) -> None:
    create_topics(settings)
    with KafkaLogs(settings) as logs:
        under_way = [logs.events.append_async([entry]) for entry in some_entries(2000)]
        logs.flush()
        assert all(each.done() for each in under_way)
        last = logs.access.append_async([(b"key", b"used")])
    assert len({each.result()[0].position for each in under_way}) == 2000
    assert [record.data for record in last.result()] == [b"used"]
    with pytest.raises(VaultError, match="closed"):
        logs.events.append([(b"key", b"late")])


def test_a_topic_that_was_made_anew_is_told_and_who_opens_it_then_appends_to_it(
    logs: KafkaLogs, settings: KafkaSettings, admin: AdminClient
) -> None:
    logs.events.append(some_entries(50))
    admin.delete_topics([settings.events])[settings.events].result()
    create_topics(settings)
    with pytest.raises(LogLost, match="was made anew"):
        logs.events.append(some_entries(50))
    with KafkaLogs(settings) as anew:
        assert len(anew.events.append(some_entries(50))) == 50
        assert sum(anew.events.end().values()) == 100


def test_a_producer_that_lost_its_place_is_replaced(logs: KafkaLogs) -> None:
    logs.events.append(some_entries(20))
    break_for_good(logs.events._writer._producer)
    with suppress(LogUnavailable):  # the first to meet the error may be told of it
        logs.events.append(some_entries(20))
    before = sum(logs.events.end().values())
    assert before in {20, 40}
    assert len(logs.events.append(some_entries(20))) == 20
    assert sum(logs.events.end().values()) == before + 20


def break_for_good(producer: Producer) -> None:
    """Raise a fatal error in a producer, by the call that librdkafka has for tests of it."""
    (library,) = Path(confluent_kafka.__file__).parent.with_suffix(".libs").glob("librdkafka*.so*")
    # The client's handle is the first field of the Python object.
    handle = ctypes.c_void_p.from_address(id(producer) + object.__basicsize__)
    raised = ctypes.CDLL(str(library)).rd_kafka_test_fatal_error
    raised.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
    raised(handle, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, b"broken by a test")
