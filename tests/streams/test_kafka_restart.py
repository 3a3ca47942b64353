"""Kafka killed under a worker: it waits, and goes on when Kafka is back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.kafka.topics import create_topics
from memos.infrastructure.servers import LocalServers, leased
from tests.engines import up_or_skip
from tests.streams.support import Bench

AWAY_SECONDS = 20


@pytest.mark.engines
@pytest.mark.timeout(900)
def test_a_worker_outlives_a_kafka_that_is_killed(tmp_path: Path) -> None:
    with leased(LocalServers(tmp_path / "kafka", ("kafka",))) as engine:
        up_or_skip(engine)
        settings = KafkaSettings(engine.address("kafka"), prefix="killed", partitions=4)
        create_topics(settings)
        bench = Bench(settings, tmp_path)
        bench.feed(2000)
        worker = bench.start("--pause", "0.02")
        bench.await_taken(300)
        said = len(bench.log.splitlines())
        engine.kill("kafka")
        time.sleep(AWAY_SECONDS)
        lines = bench.log.splitlines()[said:]
        assert any("aiokafka" in line for line in lines)
        assert len(lines) <= AWAY_SECONDS, lines  # 75 a second, were they not bounded
        engine.start("kafka")
        bench.feed(2000)
        bench.await_taken()
        bench.assert_complete()
        assert bench.end(worker) == 0
