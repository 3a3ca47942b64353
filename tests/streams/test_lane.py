"""A lane on its own: what Faust drops between two assignments of a partition is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import pytest

from memos.kernel.event import Record
from streams.delivery import Message
from streams.gathering import Gathering
from streams.lane import BROKERS_TIME, Lane
from streams.metrics import Metrics

PARTITION = 1
RECORDS = 8
WAIT_SECONDS = 30


@dataclass
class Recorded:
    """A worker that has taken nothing before."""

    name: str = "recorded"
    topic: str = "events"
    mark: int = 0
    taken: list[int] = field(default_factory=list)
    done: Event = field(default_factory=Event)

    def assigned(self, partition: int) -> int:
        return self.mark

    def take(self, records: Sequence[Record]) -> None:
        self.taken += [record.position.offset for record in records]
        self.mark = self.taken[-1] + 1
        if self.mark == RECORDS:
            self.done.set()


@dataclass
class Sent:
    """A record of the topic."""

    offset: int
    timestamp: float = 1.0
    timestamp_type: int = BROKERS_TIME
    value: bytes | None = b""


@dataclass
class Handed:
    """Its delivery."""

    message: Message

    def ack(self) -> bool:
        return True


class Source:
    """A topic of `RECORDS` records, whose client goes only where it is told to."""

    def __init__(self) -> None:
        self.at = 0
        self.lane: Lane | None = None

    def send(self) -> None:
        """All that lies ahead."""
        assert self.lane is not None
        for offset in range(self.at, RECORDS):
            self.lane.offer(Handed(Sent(offset)))
        self.at = RECORDS

    async def seek(self, partition: int, offset: int) -> None:
        self.at = offset
        self.send()

    def hold(self, partition: int) -> None: ...

    def resume(self, partition: int) -> None: ...


async def taken_behind(committed: int | None) -> list[int]:
    """What is taken of records that came between two beginnings, and never again by themselves."""
    worker, source = Recorded(), Source()
    with ThreadPoolExecutor(1) as threads:
        metrics = Metrics("recorded")
        lane = source.lane = Lane(PARTITION, worker, source, threads, metrics, Gathering())
        lane.begin(committed)
        source.send()
        lane.begin(committed)
        task = asyncio.create_task(lane.run())
        await asyncio.to_thread(worker.done.wait, WAIT_SECONDS)
        lane.close()
        await task
    return worker.taken


@pytest.mark.parametrize("committed", [None, 0])
def test_records_that_came_before_a_second_beginning_are_sent_again(committed: int | None) -> None:
    assert asyncio.run(taken_behind(committed)) == list(range(RECORDS))
