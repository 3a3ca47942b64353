"""Topics and worker processes for the tests of the drivers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient

from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.kafka.topics import create_topics
from memos.infrastructure.servers import LocalServers
from tests.streams.support import Bench


@pytest.fixture
def bench(engines: LocalServers, tmp_path: Path) -> Iterator[Bench]:
    """An empty topic of four partitions, and an empty journal."""
    settings = KafkaSettings(engines.address("kafka"), prefix=f"test-{uuid4()}", partitions=4)
    create_topics(settings)
    bench = Bench(settings, tmp_path)
    yield bench
    bench.kill_all()
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    for removed in admin.delete_topics(list(settings.topics)).values():
        removed.result()
