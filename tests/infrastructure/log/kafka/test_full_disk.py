"""A broker whose disk takes no more: its files may not grow, as on a full disk."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from uuid import uuid4

import psutil
import pytest

from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.kafka.topics import create_topics
from memos.infrastructure.servers import LocalServers, leased
from memos.kernel.errors import LogUnavailable
from memos.kernel.event import Record
from tests.engines import up_or_skip
from tests.waiting import wait_for_ends

pytestmark = [pytest.mark.engines, pytest.mark.slow, pytest.mark.timeout(900)]

ROOM = 12 * 2**20
"""Bytes that a file may have: more than the offset indexes, which Kafka makes whole at once."""


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServers]:
    """A broker of our own, to be filled."""
    with leased(LocalServers(tmp_path_factory.mktemp("full"), ("kafka",))) as servers:
        up_or_skip(servers)
        yield servers


def fill(logs: KafkaLogs, kept: list[Record]) -> None:
    """Append until it fails; what was acknowledged is kept."""
    for _ in range(40):
        kept += logs.events.append([(b"key", os.urandom(512 * 1024))])


def test_what_was_acknowledged_before_the_disk_was_full_is_there_when_there_is_room_again(
    broker: LocalServers,
) -> None:
    settings = KafkaSettings(
        broker.address("kafka"), prefix=f"test-{uuid4()}", partitions=1, timeout=5
    )
    create_topics(settings)
    process = psutil.Process(*(each.pid for each in broker.status()))
    kept: list[Record] = []
    with KafkaLogs(settings) as logs:
        process.rlimit(psutil.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
        with pytest.raises(LogUnavailable, match=broker.address("kafka")):
            fill(logs, kept)
    assert len(kept) > 5
    # Kafka ends by itself when its only disk takes nothing.
    wait_for_ends([process])
    broker.start("kafka")
    with KafkaLogs(settings) as logs:
        end = logs.events.end()
        there = {r.position: r.data for batch in logs.events.read_all(end) for r in batch}
        assert all(there[record.position] == record.data for record in kept)
        (more,) = logs.events.append([(b"key", b"room again")])
        assert more.position not in there
