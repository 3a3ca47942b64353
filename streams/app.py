"""Faust, set up so that it loses nothing: no acknowledgement of its own, no topics of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

import aiokafka
import faust
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faust.sensors.monitor import Monitor
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP
from mode import ServiceT

from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.kernel.errors import InvalidInput
from streams.security import credentials

SESSION_SECONDS = 3.0
"""For how long a worker may be silent before others take its partitions."""

STATIC_SESSION_SECONDS = 10.0
"""The same of one that comes back under its own name: it has so long to do so."""

HEARTBEATS = 5
"""In a session."""

COMMIT_SECONDS = 1.0
POLL_RECORDS = 4000
FETCH_WAIT_MS = 500
"""How long the broker holds a request for records where there are none."""

OTHERS_WAIT_MS = 50
"""The same where a partition is not asked for, as its records are being taken: it is asked for again only
when that request has ended.
"""

YIELD_EVERY = 100

_INSTANCE = re.compile(r"[A-Za-z0-9._-]{1,249}")

OnSeek = Callable[[Mapping[int, int | None]], None]


class _Fetcher(Fetcher):  # type: ignore[misc] # aiokafka has no types
    @property
    def _fetch_max_wait_ms(self) -> int:
        return OTHERS_WAIT_MS if self._records else FETCH_WAIT_MS

    @_fetch_max_wait_ms.setter
    def _fetch_max_wait_ms(self, _: int) -> None:
        return  # Faust gives no setting for its 1.5 s


class _Thread(AIOKafkaConsumerThread):
    async def on_start(self) -> None:
        await super().on_start()
        self._ensure_consumer()._fetcher.__class__ = _Fetcher

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._group_instance_id = transport.app.instance  # Faust has no setting for it
        return consumer

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # Faust would end the process. The group's offset is a hint: a worker's mark says up to
        # where it is, so a commit that failed costs a redelivery at most.
        try:
            await self._ensure_consumer().commit(
                {
                    aiokafka.TopicPartition(tp.topic, tp.partition): offset
                    for tp, offset in offsets.items()
                    if tp in self.assignment()
                }
            )
        except KafkaError as error:
            self.log.warning("the group's offset was not stored, and will be again: %s", error)
            return False
        return True


class _AnyOffset(dict[TP, int | None]):
    """Says to Faust that nothing was read: it drops, unseen, what lies before the last offset read,
    and that is where a lane has gone back to. Lanes see to order and repetition themselves.
    """

    def __missing__(self, key: TP) -> None:
        return None

    def __setitem__(self, key: TP, value: object) -> None:
        return

    def update(self, *args: Any, **named: Any) -> None:
        return


class _Consumer(Consumer):
    app: StreamApp

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._read_offset = _AnyOffset()

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        # Faust's own makes four tasks for each record, to be able to give up one that waits while
        # partitions move. That costs as much as everything else of Faust together; such a record is
        # passed over by the stream, for its generation, and sent again.
        since_others_ran = 0
        try:
            while not (self.should_stop or fetcher.should_stop):
                await asyncio.sleep(0)
                async for _, message in self.getmany(timeout=1.0):
                    await self.callback(message)
                    since_others_ran += 1
                    if since_others_ran >= YIELD_EVERY:
                        since_others_ran = 0
                        await asyncio.sleep(0)
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    async def seek_to_committed(self) -> Mapping[TP, int]:
        offsets = await super().seek_to_committed()
        self.app.on_seek({tp.partition: offset for tp, offset in offsets.items()})
        return offsets


class _Transport(Transport):
    Consumer = _Consumer


class _QuietMonitor(Monitor):
    """Counts nothing for each message: the metrics of a worker are its own."""

    def on_message_in(self, *args: Any) -> None:
        return

    def on_message_out(self, *args: Any) -> None:
        return

    def on_stream_event_in(self, *args: Any) -> None:
        return

    def on_stream_event_out(self, *args: Any) -> None:
        return


class StreamApp(faust.App):
    """Follows one topic as a member of a group.

    `on_seek` is called whenever Faust has gone to the group's offsets: with those, by partition;
    None where the group has none. `instance` is the name of a static member of the group.
    """

    on_seek: OnSeek
    instance: str | None

    def _new_transport(self) -> Transport:
        return _Transport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        return  # there are no tables to keep


def make_app(
    settings: KafkaSettings,
    group: str,
    on_seek: OnSeek,
    instance: str | None = None,
    least_session: float = 0.0,
) -> StreamApp:
    """The Faust app of one worker process.

    One that comes back under the same `instance` before the group has given it up has its partitions
    at once (static membership, KIP-345). `least_session` is what the brokers allow, in seconds.

    Raises:
        InvalidInput: the settings ask for a kind of security that Faust's client has not; or no member of
            a group can be called so.
    """
    if instance is not None and not _INSTANCE.fullmatch(instance):
        raise InvalidInput(
            f"a worker cannot be called {instance!r}: --instance takes up to 249 letters, digits, '.', '_' "
            "and '-'"
        )
    wanted = SESSION_SECONDS if instance is None else STATIC_SESSION_SECONDS
    session = max(wanted, least_session)
    app = StreamApp(
        group,
        broker=[f"kafka://{server.strip()}" for server in settings.bootstrap_servers.split(",")],
        broker_credentials=credentials(settings.extra),
        broker_session_timeout=session,
        broker_heartbeat_interval=session / HEARTBEATS,
        broker_request_timeout=max(settings.timeout, 2 * session),
        broker_commit_interval=COMMIT_SECONDS,
        broker_max_poll_records=POLL_RECORDS,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=max(settings.max_batch_bytes, 2**20),
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        store="memory://",
        web_enabled=False,
        monitor=_QuietMonitor(),
    )
    app.on_seek = on_seek
    app.instance = instance
    return app
