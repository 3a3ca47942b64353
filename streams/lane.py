"""A lane: one partition's records, in order, through a worker, with nothing left out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from memos.infrastructure.engine.distributed.workers.port import Behind, Worker
from memos.kernel.errors import (
    IndexUnavailable,
    LogUnavailable,
    StoreUnavailable,
    VaultError,
    WrongRootKey,
)
from memos.kernel.event import Position, Record, TooNew
from streams.delivery import Delivery, Message, RecordSource
from streams.gathering import Gathering
from streams.metrics import Metrics

log = logging.getLogger("memos.worker")

BATCH = 2000
"""Records handed to a worker at a time, at most."""

FULL = 4 * BATCH
REFUSALS = 8
"""How often a batch is tried that a worker refuses: it stops the partition then."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
SEEK_SECONDS = 5.0
SEEKS = 6
WARN_EVERY_SECONDS = 30.0
BROKERS_TIME = 1

_UNAVAILABLE = (StoreUnavailable, LogUnavailable, IndexUnavailable, Behind, WrongRootKey)
"""What is waited for; a root key that was rotated until the new one is in its file."""


class Lane:
    """Takes one partition. Its methods are called on the event loop; `run` is its task.

    What Faust delivers is judged by its offset alone: taken before, next, or beyond a hole. So it
    does not matter what Faust drops or repeats when partitions move: a hole is sent again.
    """

    def __init__(
        self,
        partition: int,
        worker: Worker,
        source: RecordSource,
        threads: Executor,
        metrics: Metrics,
        gathering: Gathering,
    ) -> None:
        self.partition = partition
        self.stopped: BaseException | None = None
        """Why the partition stopped; None while it goes on."""
        self.next: int | None = None
        """The offset that is taken next; None until the worker has said where it goes on."""
        self._worker, self._source = worker, source
        self._threads, self._metrics = threads, metrics
        self._waiting: deque[Delivery] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._term = 0
        self._owned = self._closing = False
        self._committed: int | None = None
        self._sought_at, self._seeks = 0.0, 0
        self._gathering = gathering

    def begin(self, committed: int | None) -> None:
        """The partition is this process's, its records come from the group's offset on."""
        self._end_term()
        self._owned = True
        self._committed = committed
        self.stopped = None

    def revoke(self) -> None:
        """The partition may be another process's: what waits comes again, here or there."""
        self._end_term()
        self._owned = False

    def close(self) -> None:
        """End `run`, after the batch that is being taken."""
        self._end_term()
        self._closing = True

    def offer(self, delivery: Delivery) -> None:
        """One more record; never raises and never waits."""
        if self.stopped is not None or not self._owned:
            return
        self._waiting.append(delivery)
        self._wake.set()
        if len(self._waiting) >= FULL and len(self._waiting) % BATCH == 0:
            self._source.hold(self.partition)

    @property
    def is_owned(self) -> bool:
        """Whether the partition is this process's."""
        return self._owned

    async def idle(self) -> None:
        """Wait until nothing is being taken."""
        await self._idle.wait()

    @property
    def oldest(self) -> float | None:
        """The broker's time of the first record that waits, in seconds; None where none does."""
        return self._waiting[0].message.timestamp if self._waiting else None

    async def run(self) -> None:
        """Take what is offered, until `close`."""
        term = 0
        while not self._closing:
            if self._owned and term != self._term:
                term = self._term
                await self._start(term)
            elif self._waiting and self._can_take():
                await self._gather(term)
                await self._take_some(term)
            else:
                self._wake.clear()
                await self._wake.wait()

    def _can_take(self) -> bool:
        return self._owned and self.stopped is None and self.next is not None

    def _end_term(self) -> None:
        self._term += 1
        self.next = None
        self._seeks, self._sought_at = 0, 0.0
        self._waiting.clear()
        self._wake.set()

    async def _start(self, term: int) -> None:
        """Ask the worker where to begin; go there where the records may come from further on."""
        self._source.resume(self.partition)
        committed = self._committed
        mark = 0

        def assigned() -> None:
            nonlocal mark
            mark = self._worker.assigned(self.partition)

        if not await self._persist(assigned, term, committed or 0) or term != self._term:
            return
        self.next = mark
        self._metrics.set_stopped(self.partition, now=False)
        log.info("partition %d goes on from %d", self.partition, mark)
        # Where the group has no offset, or 0, Kafka's client stays where it is: behind what it fetched,
        # which Faust may have dropped.
        if not committed or mark < committed:
            await self._seek()

    async def _gather(self, term: int) -> None:
        """Let a batch grow where others have just begun."""
        pause = self._gathering.pause(time.monotonic())
        if pause > 0 and len(self._waiting) < BATCH:
            await self._paused(pause, term)

    async def _take_some(self, term: int) -> None:
        if term != self._term or not await self._follows_on():
            return
        deliveries, records = self._batch()
        if len(self._waiting) < BATCH:
            self._source.resume(self.partition)
        if records:
            begin = time.monotonic()
            self._gathering.begin(begin, len(records))
            first, end = records[0].position.offset, records[-1].position.offset + 1
            if not await self._persist(lambda: self._worker.take(records), term, first):
                return
            self._metrics.batch_taken(self.partition, len(records), time.monotonic() - begin)
            self._seeks = 0
            if term == self._term:
                self.next = end
        for delivery in deliveries:
            delivery.ack()

    def _batch(self) -> tuple[list[Delivery], list[Record]]:
        """The deliveries up to the next hole, and the records of those not taken before."""
        deliveries: list[Delivery] = []
        records: list[Record] = []
        expected = self.next or 0
        while self._waiting and len(deliveries) < BATCH:
            message = self._waiting[0].message
            if message.offset > expected:
                break
            deliveries.append(self._waiting.popleft())
            if message.offset == expected:
                records.append(self._record(message))
                expected += 1
        return deliveries, records

    def _record(self, message: Message) -> Record:
        # A float of seconds holds milliseconds exactly until long after this log.
        log_time = round(message.timestamp * 1000) * 1000
        return Record(Position(self.partition, message.offset), log_time, message.value or b"")

    async def _follows_on(self) -> bool:
        """Whether the next delivery follows on what was taken; if not, have it sent again."""
        expected = self.next or 0
        first = self._waiting[0].message
        if first.timestamp_type != BROKERS_TIME:
            self._stop(
                VaultError(
                    f"Kafka's topic {self._worker.topic} does not keep the broker's time of its "
                    "records: set its message.timestamp.type to LogAppendTime"
                ),
                first.offset,
            )
            return False
        if first.offset <= expected:
            return True
        # Deliveries from before a seek may still come; those that it brings follow them.
        while self._waiting and self._waiting[0].message.offset > expected:
            self._waiting.popleft()
        if self._seeks and time.monotonic() - self._sought_at < SEEK_SECONDS:
            return False
        if self._seeks >= SEEKS:
            self._stop(
                VaultError(
                    f"the records {expected} to {first.offset - 1} of partition {self.partition} "
                    f"are not in Kafka's topic {self._worker.topic} any more: see its retention "
                    "with `memos doctor`, and load your last export"
                ),
                expected,
            )
            return False
        await self._seek()
        return False

    async def _seek(self) -> None:
        self._sought_at = time.monotonic()
        self._seeks += 1
        await self._source.seek(self.partition, self.next or 0)

    async def _persist(self, work: Callable[[], None], term: int, offset: int) -> bool:
        """Do the work in a thread until it is done.

        It is tried again for ever while a store is away, and `REFUSALS` times where it is refused.

        Returns:
            Whether it was done; not where the partition went or stopped meanwhile.
        """
        refused, pause, warned_at = 0, FIRST_PAUSE, 0.0
        self._idle.clear()
        try:
            while True:
                begin = time.monotonic()
                try:
                    await asyncio.get_running_loop().run_in_executor(self._threads, work)
                except TooNew as error:
                    self._stop(error, offset)
                    return False
                except _UNAVAILABLE as error:
                    self._metrics.batch_retried(self.partition, error)
                    if time.monotonic() - warned_at >= WARN_EVERY_SECONDS:
                        warned_at = time.monotonic()
                        log.warning("partition %d waits at %d: %s", self.partition, offset, error)
                    goes_on = await self._paused(pause, term)
                    self._metrics.waited(self.partition, error, time.monotonic() - begin)
                except Exception as error:
                    refused += 1
                    self._metrics.batch_retried(self.partition, error)
                    log.exception(
                        "partition %d, from %d on: try %d of %d failed",
                        *(self.partition, offset, refused, REFUSALS),
                    )
                    if refused >= REFUSALS:
                        self._stop(error, offset)
                        return False
                    goes_on = await self._paused(pause, term)
                else:
                    return True
                if not goes_on:
                    return False
                pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            self._idle.set()

    async def _paused(self, seconds: float, term: int) -> bool:
        """Wait before another try; whether there is still to be one."""
        end = time.monotonic() + seconds
        while term == self._term and not self._closing:
            left = end - time.monotonic()
            if left <= 0:
                return True
            await asyncio.sleep(min(left, FIRST_PAUSE))
        return False

    def _stop(self, error: BaseException, offset: int) -> None:
        self.stopped = error
        self._waiting.clear()
        self._source.hold(self.partition)
        self._metrics.set_stopped(self.partition, now=True)
        log.critical(
            "partition %d STOPPED at %s: %s. Nothing was skipped and the other partitions go on; "
            "mend the cause, then start this worker again",
            *(self.partition, Position(self.partition, offset), error),
        )
