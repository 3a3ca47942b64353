"""What the tests ask the servers, through the clients that MemOS uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cassandra.cluster import Cluster, Session
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from memos.infrastructure.servers import LocalServers

TOPIC = "words"
DEADLINE_SECONDS = 120.0


@contextmanager
def cassandra(servers: LocalServers) -> Iterator[Session]:
    host, port = servers.address("cassandra").split(":")
    cluster = Cluster(
        [host],
        port=int(port),
        protocol_version=5,
        connect_timeout=DEADLINE_SECONDS,
        control_connection_timeout=DEADLINE_SECONDS,
    )
    try:
        session = cluster.connect()
        session.default_timeout = DEADLINE_SECONDS
        yield session
    finally:
        cluster.shutdown()


def make_topic(servers: LocalServers) -> None:
    admin = AdminClient({"bootstrap.servers": servers.address("kafka")})
    topics = admin.create_topics([NewTopic(TOPIC, 1, 1, config={"retention.ms": "-1"})])
    topics[TOPIC].result(DEADLINE_SECONDS)


def produce(servers: LocalServers, word: str) -> None:
    """Returns once the broker has it; raises where it refuses."""
    failures: list[object] = []
    producer = Producer(
        {
            "bootstrap.servers": servers.address("kafka"),
            "acks": "all",
            "message.timeout.ms": int(DEADLINE_SECONDS * 1000),
        }
    )
    producer.produce(TOPIC, word.encode(), on_delivery=lambda error, _: failures.append(error))
    assert producer.flush(2 * DEADLINE_SECONDS) == 0
    assert failures == [None]


def consume(servers: LocalServers, count: int) -> list[str]:
    consumer = Consumer({"bootstrap.servers": servers.address("kafka"), "group.id": "reader"})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    try:
        messages = consumer.consume(count, DEADLINE_SECONDS)
        return [(message.value() or b"").decode() for message in messages]
    finally:
        consumer.close()
