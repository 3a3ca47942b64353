"""Logs in Kafka for tests: topics under a name of their own, removed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient

from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.kafka.topics import create_topics
from memos.infrastructure.servers import LocalServers


@pytest.fixture
def admin(engines: LocalServers) -> AdminClient:
    return AdminClient({"bootstrap.servers": engines.address("kafka")})


@pytest.fixture
def settings(engines: LocalServers, admin: AdminClient) -> Iterator[KafkaSettings]:
    """Settings of topics that do not exist yet."""
    made = KafkaSettings(engines.address("kafka"), prefix=f"test-{uuid4()}", partitions=4)
    yield made
    there = [name for name in made.topics if name in admin.list_topics(timeout=30).topics]
    for removed in (admin.delete_topics(there) if there else {}).values():
        removed.result()


@pytest.fixture
def logs(settings: KafkaSettings) -> Iterator[KafkaLogs]:
    create_topics(settings)
    with KafkaLogs(settings) as opened:
        yield opened
