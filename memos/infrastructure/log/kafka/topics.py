"""Kafka's topics: made with what a log of record needs, and checked for what would break it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import (
    AdminClient,
    ClusterMetadata,
    ConfigResource,
    NewTopic,
    ResourceType,
    TopicDescription,
    TopicMetadata,
)

from memos.infrastructure.log.kafka.client import REFUSED_SECONDS, Connection, kafka_error
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.reports import Finding
from memos.kernel.errors import LogUnavailable, PartitionsChanged

OLDEST_KAFKA = (2, 1)
"""What current clients still speak with (KIP-896)."""

WAIT_SECONDS = 0.1
UNLIMITED = "-1"
MAKE_TOPICS = "make the topics of MemOS"

_NO_IDS = frozenset({"", "None", str(Uuid(0, 0))})
"""How the client prints the id of a topic of a server that gives none."""


def topic_config(settings: KafkaSettings) -> Mapping[str, str]:
    """What every topic of MemOS is made with: nothing is ever removed, and log time is the broker's."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": UNLIMITED,
        "retention.bytes": UNLIMITED,
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": str(settings.min_insync),
        "max.message.bytes": str(settings.max_batch_bytes),
        "unclean.leader.election.enable": "false",
    }


def create_topics(settings: KafkaSettings) -> tuple[str, ...]:
    """Make the topics that do not exist; the names of those that were made.

    Those that exist are left as they are: `check_topics` says what is wrong with them.

    Raises:
        LogUnavailable: the servers do not answer or refuse.
        PartitionsChanged: a topic exists with another number of partitions.
    """
    connection = Connection(settings)
    admin = admin_client(connection)
    _cluster(connection, admin)  # which tells soon and why, where the servers let nobody in
    asked: Mapping[str, Future[None]] = admin.create_topics(
        [
            NewTopic(name, partitions, settings.replication, config=dict(topic_config(settings)))
            for name, partitions in settings.topics.items()
        ],
        request_timeout=settings.timeout,
    )
    created = []
    for name, answer in asked.items():
        try:
            answer.result()
        except KafkaException as error:
            cause = kafka_error(error)
            if cause is None or cause.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise connection.unavailable(f"did not make the topic {name}", error) from error
        else:
            created.append(name)
    _await_leaders(connection, admin)
    verify_topics(settings)
    return tuple(created)


def remove_topics(settings: KafkaSettings, names: Sequence[str]) -> None:
    """Remove topics with all their records; those that are gone already are no error.

    Raises:
        LogUnavailable: the servers do not answer or refuse.
    """
    if not names:
        return
    connection = Connection(settings)
    # Held until it has answered: a client ends with the last name for it.
    admin = admin_client(connection)
    asked: Mapping[str, Future[None]] = admin.delete_topics(
        list(names), request_timeout=settings.timeout
    )
    for name, answer in asked.items():
        try:
            answer.result()
        except KafkaException as error:
            cause = kafka_error(error)
            if cause is None or cause.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise connection.unavailable(f"did not remove the topic {name}", error) from error


def verify_topics(settings: KafkaSettings, *, grown: bool = False) -> Mapping[str, int]:
    """See that the topics are there with the partitions that the vault was made with.

    Args:
        settings: where they are.
        grown: take more partitions than that.

    Returns:
        How many partitions each topic has.

    Raises:
        LogUnavailable: the servers do not answer, or a topic is missing.
        PartitionsChanged: a topic has another number of partitions.
    """
    connection = Connection(settings)
    cluster = _cluster(connection, admin_client(connection))
    counts = {}
    for name, partitions in settings.topics.items():
        topic = _topic(cluster, name)
        if topic is None:
            raise connection.unavailable(
                f"has no topic {name}", KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
            )
        counts[name] = len(topic.partitions)
        if counts[name] != partitions and not (grown and counts[name] > partitions):
            raise PartitionsChanged(_changed(name, counts[name], partitions))
    return counts


def partition_counts(settings: KafkaSettings) -> dict[str, int]:
    """How many partitions each topic has, of those that are there.

    Raises:
        LogUnavailable: the servers do not answer.
    """
    connection = Connection(settings)
    cluster = _cluster(connection, admin_client(connection))
    found = {name: _topic(cluster, name) for name in settings.topics}
    return {name: len(topic.partitions) for name, topic in found.items() if topic is not None}


def topic_ids(settings: KafkaSettings) -> dict[str, str]:
    """The id that Kafka gave each topic when it was made: one that is made again under the same name
    has another (KIP-516). Without topics that are not there; empty texts of a Kafka before 2.8.

    Raises:
        LogUnavailable: the servers do not answer.
    """
    connection = Connection(settings)
    admin = admin_client(connection)
    cluster = _cluster(connection, admin)
    there = [name for name in settings.topics if _topic(cluster, name) is not None]
    if not there:
        return {}
    return described_ids(connection, admin, there)


def described_ids(
    connection: Connection,
    admin: AdminClient,
    names: Sequence[str],
    patience: float = REFUSED_SECONDS,
) -> dict[str, str]:
    """See `topic_ids`, of topics by their names: one request. `patience` is as for `Connection.answer`."""
    asked: Mapping[str, Future[TopicDescription]] = admin.describe_topics(
        TopicCollection(list(names)), request_timeout=connection.settings.timeout
    )
    ids = {}
    for name, answer in asked.items():
        what = f"did not describe the topic {name}"
        try:
            given = connection.answer(answer, admin, what, patience).topic_id
        except KafkaException as error:
            cause = kafka_error(error)
            if cause is not None and cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                continue
            raise connection.unavailable(what, error) from error
        ids[name] = "" if str(given) in _NO_IDS else str(given)
    return ids


def check_topics(
    settings: KafkaSettings, expected_partitions: int | None = None
) -> tuple[Finding, ...]:
    """What is unsafe about the servers and the topics; empty where all is well.

    Args:
        settings: where they are and what was asked for.
        expected_partitions: how many the vault was made with, if that is known apart from the
            settings.
    """
    connection = Connection(settings)
    admin = admin_client(connection)
    try:
        cluster = _cluster(connection, admin)
        return tuple(_examine(connection, admin, cluster, expected_partitions))
    except LogUnavailable as error:
        return (Finding("error", str(error), "start it, or correct its address and credentials"),)


def judge_topic(
    name: str, config: Mapping[str, str], replication: int, settings: KafkaSettings
) -> Iterator[Finding]:
    """What is unsafe about a topic with these settings and so many replicas."""
    needed = topic_config(settings)
    for key, why in (
        ("cleanup.policy", "compaction removes history"),
        ("retention.ms", "old records are removed"),
        ("retention.bytes", "old records are removed"),
        ("message.timestamp.type", "clients' clocks would decide what a read at a moment shows"),
        ("unclean.leader.election.enable", "acknowledged records may be lost"),
    ):
        if config.get(key) != needed[key]:
            yield Finding(
                "error", f"{name} has {key}={config.get(key)}: {why}", f"set {key}={needed[key]}"
            )
    for key, why in (
        ("min.insync.replicas", "a record is acknowledged with fewer copies than asked for"),
        ("max.message.bytes", "large events are refused after they were sent"),
    ):
        if int(config.get(key, 0)) < int(needed[key]):
            yield Finding(
                "error", f"{name} has {key}={config.get(key)}: {why}", f"set {key}={needed[key]}"
            )
    if replication == 1:
        yield Finding(
            "warning",
            f"{name} has one copy of each record: the loss of a disk loses memories",
            "keep three replicas, with min.insync.replicas=2",
        )
    elif int(config.get("min.insync.replicas", 0)) < 2:
        yield Finding(
            "warning",
            f"{name} acknowledges a record when one of {replication} replicas has it",
            "set min.insync.replicas=2",
        )


def judge_broker(broker: str, config: Mapping[str, str]) -> Iterator[Finding]:
    """What is unsafe about a broker with these settings."""
    if config.get("auto.create.topics.enable") == "true":
        yield Finding(
            "warning",
            f"{broker} makes a topic for any name: a mistaken one gets finite retention",
            "set auto.create.topics.enable=false",
        )
    # Kafka 4 has no such setting any more, and every Kafka 4 is new enough.
    protocol = re.match(r"(\d+)\.(\d+)", config.get("inter.broker.protocol.version", ""))
    if protocol and (int(protocol[1]), int(protocol[2])) < OLDEST_KAFKA:
        yield Finding(
            "error",
            f"{broker} speaks the protocol of Kafka {protocol[0]}",
            "upgrade it: 2.1 is the oldest that works, 4.1 the one that is tested",
        )


def _examine(
    connection: Connection, admin: AdminClient, cluster: ClusterMetadata, expected: int | None
) -> Iterator[Finding]:
    settings = connection.settings
    configs = _configs(connection, admin, cluster)
    for broker in cluster.brokers.values():
        yield from judge_broker(
            f"the broker at {broker.host}:{broker.port}",
            configs.get((ResourceType.BROKER, str(broker.id)), {}),
        )
    for name, asked in settings.topics.items():
        topic = _topic(cluster, name)
        if topic is None:
            yield Finding("error", f"there is no topic {name}", MAKE_TOPICS)
            continue
        partitions = asked if expected is None or name == settings.checkpoints else expected
        if len(topic.partitions) != partitions:
            what = _changed(name, len(topic.partitions), partitions)
            mend = "stop the workers, and `memos migrate` it to topics and keyspaces of other names"
            yield Finding("error", what, mend)
        replication = min(
            (len(partition.replicas) for partition in topic.partitions.values()), default=0
        )
        yield from judge_topic(name, configs[ResourceType.TOPIC, name], replication, settings)
        yield from _replicas(name, topic)


def _replicas(name: str, topic: TopicMetadata) -> Iterator[Finding]:
    for number, partition in sorted(topic.partitions.items()):
        if partition.leader < 0:
            yield Finding(
                "error", f"{name} {number} has no leader: it is out of reach", "start its broker"
            )
        elif len(partition.isrs) < len(partition.replicas):
            yield Finding(
                "warning",
                f"{name} {number} has {len(partition.isrs)} of {len(partition.replicas)} replicas "
                "in sync",
                "see which broker is down or slow",
            )


def _configs(
    connection: Connection, admin: AdminClient, cluster: ClusterMetadata
) -> dict[tuple[ResourceType, str], dict[str, str]]:
    """The settings of every broker and of every topic of MemOS that there is."""
    names = [name for name in connection.settings.topics if _topic(cluster, name) is not None]
    resources = [
        *(ConfigResource(ResourceType.BROKER, str(broker)) for broker in cluster.brokers),
        *(ConfigResource(ResourceType.TOPIC, name) for name in names),
    ]
    asked: Mapping[ConfigResource, Future[Any]] = admin.describe_configs(
        resources, request_timeout=connection.settings.timeout
    )
    configs = {}
    for resource, answer in asked.items():
        try:
            entries = connection.answer(answer, admin, "did not tell its settings")
        except KafkaException as error:
            raise connection.unavailable("did not tell its settings", error) from error
        configs[resource.restype, resource.name] = {
            key: str(entry.value) for key, entry in entries.items() if entry.value is not None
        }
    return configs


def admin_client(connection: Connection) -> AdminClient:
    """A client that asks about topics."""
    try:
        return AdminClient(connection.config())
    except KafkaException as error:
        raise connection.settings_do_not_fit(error) from error


def _cluster(connection: Connection, admin: AdminClient) -> ClusterMetadata:
    began, look = time.monotonic(), REFUSED_SECONDS
    while True:
        try:
            # All topics: to ask for one by name makes it where brokers make topics by themselves.
            return admin.list_topics(timeout=min(look, connection.settings.timeout))
        except KafkaException as error:
            admin.poll(0)  # takes in what the connections have told of themselves
            waited = time.monotonic() - began
            answered_no = connection.is_refused or connection.is_down
            if (answered_no and waited >= REFUSED_SECONDS) or waited >= connection.settings.timeout:
                raise connection.unavailable("does not answer", error) from error
            time.sleep(WAIT_SECONDS)
            look *= 2


def _topic(cluster: ClusterMetadata, name: str) -> TopicMetadata | None:
    topic = cluster.topics.get(name)
    return topic if topic is not None and topic.partitions else None


def _await_leaders(connection: Connection, admin: AdminClient) -> None:
    """A topic that was just made takes a moment until every broker knows of it."""
    deadline = time.monotonic() + connection.settings.timeout
    while True:
        cluster = _cluster(connection, admin)
        topics = [_topic(cluster, name) for name in connection.settings.topics]
        if all(t is not None and all(p.leader >= 0 for p in t.partitions.values()) for t in topics):
            return
        if time.monotonic() > deadline:
            raise connection.unavailable("has no leaders for the new topics", "timed out")
        time.sleep(WAIT_SECONDS)


def _changed(name: str, partitions: int, expected: int) -> str:
    return (
        f"{name} has {partitions} partitions, and the vault was made with {expected}: a cube's events "
        "would be split between two partitions and lose their order. Partitions cannot be taken away: "
        "move the vault to new topics with `memos migrate`; nothing is written here until then"
    )
