"""The producer that all appends of a process share.

Idempotent within its session: what it repeats by itself is stored once, in order (KIP-98). What a
caller repeats after a failure is told apart by its event ids, in the fold.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from threading import Event, Lock, Thread
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from memos.infrastructure.log.kafka.client import (
    REFUSED_SECONDS,
    Connection,
    appended_at,
    kafka_error,
)
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.kernel.errors import InvalidInput, Unacknowledged, VaultError
from memos.kernel.event import Position, Record

POLL_SECONDS = 0.1
FULL_QUEUE_SECONDS = 0.002
QUEUED_MESSAGES = 200_000
QUEUED_KIB = 256 * 1024
CLOSE_SECONDS = 2.0
WAITED_SECONDS = 1.0
"""How long an append waits where all servers are down already: one of them may just have come back."""

# Refused by the broker. After any other failure, a time-out above all, the record may be in the log; also
# where it was given up in the queue, since it may have been sent once before it came back there.
_NOT_APPENDED = frozenset(
    {
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.POLICY_VIOLATION,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
    }
)

_GIVEN_UP = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})

Headers = tuple[tuple[str, bytes], ...]
"""What a record says beside its bytes."""


class KafkaEntry(NamedTuple):
    """A record to be: where it goes and what it holds."""

    partition: int
    key: bytes
    data: bytes
    headers: Headers = ()


class KafkaWriter:
    """Appends to topics, from any thread. Delivery reports come in on a thread of its own."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._connection = Connection(settings)
        self._sending = Lock()
        self._closed = Event()
        self._broken = Event()
        self._producer = self._connect()
        self._thread = Thread(target=self._report, name="memos-kafka-writer", daemon=True)
        self._thread.start()

    def send(self, topic: str, entries: Sequence[KafkaEntry]) -> Future[list[Record]]:
        """Append entries, in order within each partition and with no others of this process between.
        Where no server takes a connection for a while they are given up.

        The future has the records in the order of the entries, once all are durable, or raises
        Unacknowledged or LogUnavailable. What is done on its completion must not block.

        Raises:
            InvalidInput: an entry is larger than the settings allow; nothing is sent.
            TypeError: an entry is not of bytes; nothing is sent.
            VaultError: the writer is closed.
        """
        for entry in entries:
            self._check(entry)
        append = _Append(topic, entries, self._connection, self._broken)
        with self._sending:
            if self._closed.is_set():
                raise VaultError("the log is closed: open it again")
            if self._broken.is_set():
                self._reconnect()
            self._queue(topic, entries, append)
        return append.future

    def flush(self) -> None:
        """Wait until all that was sent is acknowledged or has failed.

        Raises:
            Unacknowledged: it takes longer than twice the time-out.
        """
        left = _flush(self._producer, 2 * self._settings.timeout)
        if left:
            raise Unacknowledged(
                self._connection.describe(f"did not acknowledge {left} records", "timed out")
            )

    def close(self) -> None:
        """Send what is queued, give up what the servers do not take within the time-out, and end."""
        with self._sending:
            if self._closed.is_set():
                return
            self._closed.set()
        if _flush(self._producer, self._settings.timeout):
            _give_up(self._producer)
        self._thread.join()
        self._producer.close()

    def _connect(self) -> Producer:
        settings = self._settings
        config = self._connection.config(
            enable_idempotence=True,
            acks="all",
            partitioner="murmur2_random",
            compression_type="lz4",
            linger_ms=settings.linger_ms,
            delivery_timeout_ms=int(settings.timeout * 1000),
            message_max_bytes=settings.max_batch_bytes,
            queue_buffering_max_messages=QUEUED_MESSAGES,
            queue_buffering_max_kbytes=QUEUED_KIB,
        )
        try:
            return Producer(config)
        except KafkaException as error:
            raise self._connection.settings_do_not_fit(error) from error

    def _reconnect(self) -> None:
        """A producer that has lost its place in a partition refuses all further work."""
        broken, self._producer = self._producer, self._connect()
        self._broken.clear()
        _give_up(broken)

    def _check(self, entry: KafkaEntry) -> None:
        if {type(entry.key), type(entry.data)} != {bytes}:
            raise TypeError("a log's keys and events are bytes")
        size = len(entry.key) + len(entry.data)
        if size > self._settings.max_event_bytes:
            raise InvalidInput(
                f"an event of {size} bytes with its key is larger than the log takes, "
                f"{self._settings.max_event_bytes} bytes; nothing was written. Store a reference "
                "to a large content, or raise max_event_bytes here and on the topic"
            )

    def _queue(self, topic: str, entries: Sequence[KafkaEntry], append: _Append) -> None:
        producer = self._producer
        deadline = time.monotonic() + self._settings.timeout
        for index, (partition, key, data, headers) in enumerate(entries):
            while True:
                try:
                    producer.produce(
                        topic,
                        data,
                        key,
                        partition,
                        on_delivery=partial(append.delivered, index),
                        headers=list(headers) or None,
                    )
                    break
                except BufferError as error:
                    # The queue is full while the servers are slower than the callers.
                    if time.monotonic() > deadline:
                        append.not_sent(len(entries) - index, error)
                        return
                    time.sleep(FULL_QUEUE_SECONDS)
                except KafkaException as error:
                    append.not_sent(len(entries) - index, error)
                    return

    def _report(self) -> None:
        waiting_since = time.monotonic()
        while not (self._closed.is_set() and len(self._producer) == 0):
            producer = self._producer
            try:
                producer.poll(POLL_SECONDS)
            except KafkaException:  # a fatal error; each append that it concerns is told
                self._broken.set()
                self._closed.wait(POLL_SECONDS)
            if len(producer) == 0:
                waiting_since = time.monotonic()
                continue
            waited = time.monotonic() - waiting_since
            is_down = self._connection.down_seconds >= REFUSED_SECONDS
            if is_down and waited >= WAITED_SECONDS:
                # It would be tried until the time-out: whoever waits is told at once that all are down.
                self._broken.set()
                producer.purge()


class _Append:
    """One append until its last delivery report."""

    def __init__(
        self, topic: str, entries: Sequence[KafkaEntry], connection: Connection, broken: Event
    ) -> None:
        self.future: Future[list[Record]] = Future()
        self.future.set_running_or_notify_cancel()  # what is in the log cannot be called back
        self._topic = topic
        self._entries = entries
        self._connection = connection
        self._broken = broken
        self._records: dict[int, Record] = {}
        self._lock = Lock()
        self._left = len(entries)
        self._unknown = 0
        self._error: object = None
        if not entries:
            self.future.set_result([])

    def delivered(self, index: int, error: KafkaError | None, message: Message) -> None:
        offset, partition = message.offset(), message.partition()
        # A repetition that the broker had forgotten is stored, but nobody knows any more where.
        if error is None and offset is not None and offset >= 0 and partition is not None:
            try:
                at = appended_at(message, self._topic)
            except VaultError as unsafe:
                self._finish(1, unsafe, unknown=True)
                return
            self._records[index] = Record(
                Position(partition, offset), at, self._entries[index].data
            )
            self._finish(1)
            return
        if error is not None and (error.fatal() or error.code() == KafkaError._FATAL):
            self._broken.set()
        refused = error is not None and error.code() in _NOT_APPENDED
        if error is not None and error.code() in _GIVEN_UP:
            self._finish(1, "no server takes it", unknown=True)
            return
        self._finish(1, error or "the broker did not tell where it is", unknown=not refused)

    def not_sent(self, count: int, error: Exception) -> None:
        """The last `count` entries were not even queued."""
        cause = kafka_error(error)
        if cause is not None and (cause.fatal() or cause.code() == KafkaError._FATAL):
            self._broken.set()
        self._finish(count, error)

    def _finish(self, count: int, error: object = None, *, unknown: bool = False) -> None:
        with self._lock:
            self._left -= count
            self._unknown += unknown
            self._error = self._error or error
            if self._left:
                return
        if self._error is None:
            self.future.set_result([self._records[n] for n in range(len(self._entries))])
        else:
            self.future.set_exception(self._failure(self._error))

    def _failure(self, error: object) -> VaultError:
        total, stored = len(self._entries), len(self._records)
        if not (stored or self._unknown):
            return self._connection.unavailable(f"did not append {_events(total)}", error)
        if isinstance(error, VaultError):
            return error
        return Unacknowledged(
            self._connection.describe(
                f"acknowledged {stored} of {_events(total)}; {self._unknown} of the others may have "
                "been appended: retry with the same idempotency key",
                error,
            )
        )


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"


def _give_up(producer: Producer) -> None:
    producer.purge()
    _flush(producer, CLOSE_SECONDS)


def _flush(producer: Producer, seconds: float) -> int:
    """How many records are still under way after so many seconds, or once the producer broke."""
    try:
        return producer.flush(seconds)
    except KafkaException:
        return len(producer)


def acknowledged(future: Future[list[Record]], settings: KafkaSettings) -> list[Record]:
    """The records of an append, once they are durable.

    Raises:
        LogUnavailable, Unacknowledged: they are not, or nobody knows.
    """
    try:
        # The producer gives up by itself; this wait ends only if it never reports.
        return future.result(2 * settings.timeout)
    except TimeoutError as error:
        raise Unacknowledged(
            f"Kafka at {settings.bootstrap_servers} did not report on an append within "
            f"{2 * settings.timeout:.0f} s; it may have been appended: retry with the same "
            "idempotency key"
        ) from error
