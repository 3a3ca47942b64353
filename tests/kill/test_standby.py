"""Two workers of a kind: what one that is killed had is taken over by the other."""

from __future__ import annotations

import time
from secrets import token_hex

from confluent_kafka.admin import AdminClient

from memos import Forgotten, Memory
from memos.infrastructure.log.kafka.client import Connection
from streams.app import SESSION_SECONDS
from tests.fleet import PARTITIONS, Fleet
from tests.kill.load import ACTOR
from tests.waiting import wait_until

MORE_SECONDS = 5.0
"""For the rebalance, on a machine that others load."""


def held_by_members(fleet: Fleet, worker: str) -> list[int]:
    """How many partitions each worker of a kind has, as Kafka tells it."""
    kafka = fleet.settings.kafka
    group = f"{kafka.prefix}-{worker}"
    admin = AdminClient(Connection(kafka).config())  # alive until the answer is there
    members = admin.describe_consumer_groups([group])[group].result(kafka.timeout).members
    return sorted(len(member.assignment.topic_partitions) for member in members)


def test_a_worker_that_is_killed_and_not_started_again_is_replaced_within_seconds(
    fleet: Fleet,
) -> None:
    assert held_by_members(fleet, "fold") == [PARTITIONS]
    fleet.start("fold", name="second fold")
    halves = [PARTITIONS // 2] * 2
    wait_until(lambda: held_by_members(fleet, "fold") == halves, "two workers share the partitions")
    # Enough of them to be in every partition.
    items = [{"text": "a kiln", "scope": f"t{token_hex(4)}/a"} for _ in range(40)]
    with Memory(fleet.path, actor=ACTOR) as memory:
        memory.add("a beginning", scope="acme/a")
        killed = time.monotonic()
        fleet.kill("second fold")
        receipts = memory.add_many(items)
        assert time.monotonic() - killed < SESSION_SECONDS + MORE_SECONDS
        assert not isinstance(memory.get(receipts[-1].cube_id), Forgotten)
    assert {receipt.position.partition for receipt in receipts} == set(range(PARTITIONS))
    assert held_by_members(fleet, "fold") == [PARTITIONS]
