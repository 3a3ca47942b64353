"""A distributed vault of its own for each test, on the shared servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient

from memos.infrastructure.cassandra.settings import CassandraSettings
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.purpose import Purpose
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra import schema


@pytest.fixture
def stores(engines: LocalServers, tmp_path: Path) -> Iterator[Stores]:
    """An empty vault: topics of two partitions, a keyspace, keys."""
    name = f"t{uuid4().hex[:16]}"
    host, port = engines.address("cassandra").split(":")
    settings = DistributedSettings(
        tmp_path / "memos.toml",
        tmp_path / "root.key",
        tmp_path / "erased.jsonl",
        KafkaSettings(engines.address("kafka"), prefix=name, partitions=2),
        CassandraSettings((host,), int(port), name, replication_factor=1),
    )
    opened = Stores(settings, Purpose.MAKE, creator="tester")
    try:
        yield opened
    finally:
        schema.drop_all(opened.cassandra)
        opened.close()
        admin = AdminClient({"bootstrap.servers": settings.kafka.bootstrap_servers})
        for removed in admin.delete_topics(list(settings.kafka.topics)).values():
            removed.result()
