"""Records that are no events, or of a newer release; a number of partitions that was changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from secrets import token_bytes

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from memos import Memory, NotApplied, PartitionsChanged
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.kernel.event import SCHEMA, Kind
from memos.wire.event_pb2 import Event
from tests.fleet import PARTITIONS, Fleet
from tests.kill.load import ACTOR
from tests.kill.trial import Trial, caught_up, keep
from tests.scenarios.place import read


def produce(fleet: Fleet, data: bytes, partition: int) -> None:
    """Append bytes to a partition of the log, past every check."""
    settings = fleet.settings.kafka
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    producer.produce(settings.events, data, b"key", partition=partition)
    assert producer.flush(60) == 0


def newer(major: int, minor: int) -> bytes:
    """An event as a newer release would write it."""
    event = Event(
        event_id=token_bytes(16),
        cube_id=token_bytes(16),
        schema_major=major,
        schema_minor=minor,
        tenant="newer",
        scope="newer",
        actor="agent:newer",
    )
    event.kind = Kind.GENERATED.value  # type: ignore[assignment]
    return event.SerializeToString()


def in_partition(memory: Memory, tenant: str, partition: int) -> str:
    """A memory whose records are in a partition; its id. The vault does not wait for others."""
    for number in range(200):
        receipt = memory.add(f"number {number}", scope=tenant)
        if receipt.position.partition == partition:
            memory.wait_for(receipt)
            return receipt.cube_id
    raise AssertionError(f"no cube came to partition {partition}")


def test_bytes_that_are_no_event_are_kept_rejected_and_in_nobodys_way(fleet: Fleet) -> None:
    trial = Trial(fleet, 12)
    trial.begin()
    trial.await_acknowledged(3)
    for partition in range(PARTITIONS):
        produce(fleet, b"\xff\xfe this is no event", partition)
    produce(fleet, b"", 0)
    trial.end()
    caught_up(fleet)
    trial.check("undecodable records")
    with Memory(fleet.path, actor=ACTOR) as memory:
        digest = memory.digest()
        rebuilt = memory.rebuild()
        assert rebuilt.digest == memory.digest() == digest
        assert len(rebuilt.undecodable) == PARTITIONS + 1
        assert memory.audit().problems == ()


@pytest.mark.parametrize(
    ("partition", "major", "minor"),
    [(0, SCHEMA[0], SCHEMA[1] + 1), (1, SCHEMA[0] + 1, 0)],
    ids=["newer minor", "newer major"],
)
def test_a_record_of_a_newer_release_stops_its_partition_aloud_and_no_other(
    fleet: Fleet, partition: int, major: int, minor: int
) -> None:
    settings = fleet.path.read_text()
    fleet.wait_for_workers(5)
    try:
        with Memory(fleet.path, actor=ACTOR, wait="durable") as memory:
            tenant = f"newer{partition}"
            cube = in_partition(memory, tenant, partition)
            other = in_partition(memory, tenant, PARTITIONS - 1)
            produce(fleet, newer(major, minor), partition)
            fleet.await_said("fold", f"partition {partition} STOPPED")
            with pytest.raises(NotApplied, match="the fold worker") as refused:
                memory.update(cube, "after the newer one")
            assert f"{partition}:" in str(refused.value)
            assert read(memory, cube).version == 1
            memory.update(other, "another partition goes on", expected_version=1)
            assert read(memory, other).version == 2
    finally:
        fleet.path.write_text(settings)


def test_a_worker_with_a_stopped_partition_ends_with_an_error(fleet: Fleet) -> None:
    assert fleet.stop("fold") == 1
    assert "upgrade" in fleet.said("fold")
    fleet.start("fold")
    began = time.monotonic()
    fleet.await_said("fold", "partition 0 STOPPED", 2)
    keep("a stopped partition stays stopped", seconds=time.monotonic() - began)


def test_another_number_of_partitions_is_refused(fleet: Fleet) -> None:
    settings = fleet.path.read_text()
    told = f"partitions = {PARTITIONS}"
    fleet.path.write_text(settings.replace(told, f"partitions = {PARTITIONS + 1}"))
    with pytest.raises(PartitionsChanged, match=f"made with {PARTITIONS}"):
        Memory(fleet.path, actor=ACTOR)
    fleet.path.write_text(settings)
    kafka = fleet.settings.kafka
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for done in admin.create_partitions([NewPartitions(kafka.events, PARTITIONS + 1)]).values():
        done.result()
    opened: Callable[[], object] = lambda: closing(KafkaLogs(kafka))  # noqa: E731
    with pytest.raises(PartitionsChanged):
        opened()
    with pytest.raises(PartitionsChanged):
        Memory(fleet.path, actor=ACTOR)
