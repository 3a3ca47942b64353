"""Drives a worker: one process, one event loop, one member of the worker's consumer group."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from aiokafka.errors import KafkaError
from faust.types import TP

from memos.infrastructure.engine.distributed.workers.port import ProjectionStatus, Worker
from memos.infrastructure.log.kafka.groups import least_session_seconds
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.kernel.errors import LogLost, StoreUnavailable, VaultError
from memos.kernel.moment import MOST_PARTITIONS
from streams.app import make_app
from streams.gathering import Gathering
from streams.lane import Lane
from streams.metrics import Metrics

log = logging.getLogger("memos.worker")

REVOKE_SECONDS = 5.0
CLOSE_SECONDS = 60.0
METRICS_SECONDS = 1.0
SEEK_AGAIN_SECONDS = 1.0
REPLACEMENT_SECONDS = 2.0
STATUS_SECONDS = 5.0


@dataclass(frozen=True)
class OpenedWorker:
    """A worker, whether its projection was replaced by a rebuilt one since it was opened, of which
    generation that projection is, how it stands, and how it gathers records.
    """

    worker: Worker
    is_replaced: Callable[[], bool]
    generation: int
    status: Callable[[], ProjectionStatus] = ProjectionStatus
    gathering: Gathering = field(default_factory=Gathering)


@runtime_checkable
class CountsUndecodable(Protocol):
    """A worker that counts the records which were no events."""

    @property
    def undecodable(self) -> int:
        """How many, since the start."""
        ...


class Driver:
    """Runs one worker over the partitions that its group gives this process.

    Args:
        settings: where the log is.
        opened: the worker.
        metrics: where its lag, its batches and its stopped partitions are noted.
        end_requested: set once the process has got SIGTERM or SIGINT; here while the driver runs.
        instance: the name under which it is a static member of its group.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        opened: OpenedWorker,
        metrics: Metrics,
        end_requested: threading.Event,
        instance: str | None = None,
    ) -> None:
        self._end_requested = end_requested
        self._worker = worker = opened.worker
        self._is_replaced = opened.is_replaced
        self._status = opened.status
        metrics.set_generation(opened.generation)
        self._gathering = opened.gathering
        self.replaced = False
        """Whether `run` ended because the projection was replaced: open the new one and go on."""
        self._metrics = metrics
        self._lanes: dict[int, Lane] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._threads = ThreadPoolExecutor(MOST_PARTITIONS, thread_name_prefix="memos-partition")
        self._app = make_app(
            settings,
            f"{settings.prefix}-{worker.name}",
            self._on_seek,
            instance,
            least_session_seconds(settings),
        )
        self._app.on_partitions_revoked.connect(self._on_revoked)
        self._app.on_partitions_assigned.connect(self._on_assigned)
        self._ended = asyncio.Event()
        self._broken: BaseException | None = None
        topic: Any = self._app.topic(worker.topic, key_type=bytes, value_type=bytes)
        self._app.agent(topic, name=worker.name)(self._follow)

    @property
    def stopped(self) -> Mapping[int, BaseException]:
        """The partitions that stopped, and why."""
        return {
            partition: lane.stopped
            for partition, lane in self._lanes.items()
            if lane.stopped is not None
        }

    async def run(self) -> None:
        """Follow the topic until SIGTERM or SIGINT; then finish the batches and leave the group.

        Raises:
            LogLost: the topic is not the vault's any more.
            VaultError: something in here or in Faust broke; nothing is lost.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._request_end)
        if self._end_requested.is_set():
            return
        background = [
            asyncio.create_task(self._refresh_metrics()),
            asyncio.create_task(self._watch_for_replacement()),
            asyncio.create_task(self._watch_status()),
        ]
        try:
            await self._app.start()
            log.info("%s follows %s", self._worker.name, self._worker.topic)
            await self._app.wait_first(self._ended.wait())
            crash = self._app.crash_reason if self._app.crashed else None
        finally:
            await self._close()
            for task in background:
                task.cancel()
        if isinstance(self._broken, LogLost):
            raise self._broken
        if self._broken is not None or crash is not None:
            raise VaultError(
                f"the worker {self._worker.name} cannot go on: nothing is lost, start it again"
            ) from (self._broken or crash)

    def _request_end(self) -> None:
        self._end_requested.set()
        self._ended.set()

    async def _follow(self, stream: Any) -> None:
        # The one safe way: Faust acknowledges nothing by itself, and nothing is raised in here. Its
        # `noack_take` would wake up all the time, also where nothing comes.
        async for event in stream.noack().events():
            self._offer(event)

    def _offer(self, event: Any) -> None:
        lane = self._lanes.get(event.message.partition)
        if lane is not None:
            lane.offer(event)

    def _on_seek(self, committed: Mapping[int, int | None]) -> None:
        if self._ended.is_set():
            return  # nobody would close the lanes that this begins
        for partition, offset in committed.items():
            if partition not in self._lanes:
                lane = Lane(
                    partition,
                    self._worker,
                    self,
                    self._threads,
                    self._metrics,
                    self._gathering,
                )
                self._lanes[partition] = lane
                self._tasks[partition] = asyncio.create_task(lane.run(), name=f"lane {partition}")
                self._tasks[partition].add_done_callback(self._on_lane_done)
            self._lanes[partition].begin(offset)

    def _on_lane_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self._ended.set()

    async def _on_assigned(self, *arguments: Any, **_: Any) -> None:
        assigned: set[TP] = arguments[-1]  # behind the app
        for partition in self._lanes.keys() - {tp.partition for tp in assigned}:
            self._lanes[partition].revoke()
            self._metrics.forget_partition(partition)

    async def _on_revoked(self, *arguments: Any, **_: Any) -> None:
        revoked: set[TP] = arguments[-1]
        lanes = [self._lanes[tp.partition] for tp in revoked if tp.partition in self._lanes]
        for lane in lanes:
            lane.revoke()
        await self._settled(lanes, REVOKE_SECONDS)

    async def seek(self, partition: int, offset: int) -> None:
        """See `delivery.RecordSource`."""
        tp = TP(self._worker.topic, partition)
        log.info("partition %d is read from %d", partition, offset)
        while not self._ended.is_set() and tp in self._app.consumer.assignment():
            try:
                await self._app.consumer.seek_wait({tp: offset})
            except (KafkaError, TimeoutError) as error:
                log.warning("partition %d cannot be read from %d yet: %s", partition, offset, error)
                await asyncio.sleep(SEEK_AGAIN_SECONDS)
            else:
                return

    def hold(self, partition: int) -> None:
        """See `delivery.RecordSource`."""
        self._app.consumer.on_buffer_full(TP(self._worker.topic, partition))

    def resume(self, partition: int) -> None:
        """See `delivery.RecordSource`."""
        self._app.consumer.on_buffer_drop(TP(self._worker.topic, partition))

    async def _refresh_metrics(self) -> None:
        """Keep the metrics fresh."""
        while True:
            self._metrics.beat()
            if isinstance(self._worker, CountsUndecodable):
                self._metrics.set_undecodable(self._worker.undecodable)
            owned = {number: lane for number, lane in self._lanes.items() if lane.is_owned}
            self._metrics.set_partitions(owned, [n for n, lane in owned.items() if lane.stopped])
            for partition, lane in self._lanes.items():
                if lane.next is None:
                    continue
                end = self._app.consumer.highwater(TP(self._worker.topic, partition))
                behind = 0.0 if lane.oldest is None else time.time() - lane.oldest
                self._metrics.set_waiting(
                    partition, max((end or 0) - lane.next, 0), max(behind, 0.0)
                )
            await asyncio.sleep(METRICS_SECONDS)

    async def _watch_status(self) -> None:
        """Keep fresh what the worker says of its projection."""
        while True:
            try:
                self._metrics.set_status(await asyncio.to_thread(self._status))
            except VaultError as error:
                log.warning("how the projection stands cannot be told now: %s", error)
            await asyncio.sleep(STATUS_SECONDS)

    async def _watch_for_replacement(self) -> None:
        """End when a rebuild has put another projection in this one's place, or the topic is lost."""
        while not self.replaced:
            await asyncio.sleep(REPLACEMENT_SECONDS)
            try:
                self.replaced = await asyncio.to_thread(self._is_replaced)
            except StoreUnavailable as error:
                log.warning("which projection is live cannot be told now: %s", error)
            except LogLost as error:
                self._broken = error
                self._ended.set()
                return
        log.info("the projection was rebuilt: %s goes on with the new one", self._worker.name)
        self._ended.set()

    async def _close(self) -> None:
        self._ended.set()
        lanes = list(self._lanes.values())
        for lane in lanes:
            lane.close()
        await self._settled(lanes, CLOSE_SECONDS)
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._app.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _settled(self, lanes: list[Lane], seconds: float) -> None:
        if lanes:
            waits = [asyncio.create_task(lane.idle()) for lane in lanes]
            _, late = await asyncio.wait(waits, timeout=seconds)
            for task in late:
                task.cancel()
