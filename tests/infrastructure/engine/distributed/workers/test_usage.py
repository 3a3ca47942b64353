"""The usage worker: each use counted once, however often it is delivered."""

from __future__ import annotations

import pytest

from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.workers.usage import PROJECTION, UsageWorker
from memos.infrastructure.governance.usage.usage import Usage
from memos.kernel.event import SCHEMA, Record, TooNew
from memos.wire.access_pb2 import AccessEvent


def access(
    time: int, *cubes: bytes, action: str = "get", schema: tuple[int, int] = SCHEMA
) -> bytes:
    event = AccessEvent(
        event_id=time.to_bytes(16, "big"),
        schema_major=schema[0],
        schema_minor=schema[1],
        action=action,
        client_time=time,
    )
    for cube in cubes:
        event.cubes.add(cube_id=cube, version=1)
    return event.SerializeToString()


def appended(stores: Stores, *data: bytes) -> list[Record]:
    stores.logs.access.append([(b"key", each) for each in data])
    return list(stores.logs.access.read(stores.logs.access.partition_of(b"key")))


A, B = bytes(15) + b"a", bytes(15) + b"b"


def test_uses_are_counted_once_however_often_they_are_delivered(stores: Stores) -> None:
    live = stores.live()
    found = appended(
        stores, access(10, A), access(20, A, B), access(30, B, action="verify"), access(40, A)
    )
    worker = UsageWorker(stores, live)
    worker.take(found[:2])
    worker.take(found)
    UsageWorker(stores, live).take(found)
    assert live.usage.usages([A, B]) == {A: Usage(3, 40), B: Usage(1, 20)}


def test_a_worker_goes_on_where_the_last_one_was(stores: Stores) -> None:
    live = stores.live()
    found = appended(stores, *(access(time, A) for time in range(50)))
    partition = found[0].position.partition
    UsageWorker(stores, live).take(found[:30])
    later = UsageWorker(stores, live)
    assert later.assigned(partition) == 30
    later.take(found[30:])
    assert live.usage.usage(A) == Usage(50, 49)
    offset, _, log_time = live.vault.checkpoints(PROJECTION)[partition]
    assert (offset, log_time) == (50, found[-1].log_time)


def test_what_is_no_access_is_counted_and_passed(stores: Stores) -> None:
    live = stores.live()
    worker = UsageWorker(stores, live)
    worker.take(appended(stores, access(1, A), b"\xff\xff\xff", access(2, A)))
    assert live.usage.usage(A) == Usage(2, 2)
    assert worker.undecodable == 1


def test_an_access_of_a_newer_release_stops_behind_what_is_before_it(stores: Stores) -> None:
    live = stores.live()
    worker = UsageWorker(stores, live)
    newer = (SCHEMA[0] + 1, 0)
    found = appended(stores, access(1, A), access(2, A, schema=newer), access(3, A))
    for _ in range(2):
        with pytest.raises(TooNew):
            worker.take(found)
        assert live.usage.usage(A) == Usage(1, 1)
        assert worker.assigned(found[0].position.partition) == 1
