"""Bare consumers: assign and seek, no group, only what is committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from memos.infrastructure.log.kafka.client import (
    EARLIEST,
    LATEST,
    Connection,
    Whence,
    kafka_error,
    log_time_of,
    passes,
)
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.port import Cut
from memos.kernel.errors import Damaged
from memos.kernel.event import Position, Record

BATCH = 1000
"""Records handed over at a time, at most."""

QUEUED_KIB = 16 * 1024
IDLE_CONSUMERS = 4
RETRY_SECONDS = 0.1


class OffsetRange:
    """What is still to be read of a partition, and the greatest log time before it."""

    __slots__ = ("end", "log_time", "next")

    def __init__(self, start: int, end: int, log_time: int) -> None:
        self.next = start
        self.end = end
        self.log_time = log_time


class KafkaReader:
    """Reads one topic, from any thread. Consumers that are done are kept for the next read."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._connection = Connection(settings)
        self._lock = Lock()
        self._idle: list[Consumer] = []
        self._closed = False
        try:
            self._admin = AdminClient(self._connection.config())
        except KafkaException as error:
            raise self._connection.settings_do_not_fit(error) from error

    def begins(self, partitions: Sequence[int]) -> Cut:
        """The first offset that is still there, by partition: 0 where nothing was removed."""
        return self._offsets(partitions, EARLIEST)

    def ends(self, partitions: Sequence[int]) -> Cut:
        """The offset behind the last committed record, by partition."""
        return self._offsets(partitions, LATEST)

    def batches(
        self, spans: Mapping[int, OffsetRange], seen: Callable[[Message], None] | None = None
    ) -> Iterator[list[Record]]:
        """The records of spans, a list of one partition's at a time, in order within each.

        `seen` is called with the message of each record of the list that follows.

        Raises:
            Damaged: records of a span are gone.
            LogUnavailable: the servers do not answer.
        """
        missing = {p: span for p, span in spans.items() if span.next < span.end}
        if not missing:
            return
        begins = self.begins(list(missing))
        for partition, span in missing.items():
            if span.next < begins[partition]:
                raise self._gone(partition, span.next, begins[partition])
        consumer = self._take()
        try:
            consumer.assign([TopicPartition(self._topic, p, s.next) for p, s in missing.items()])
            while missing:
                for partition, messages in self._consume(consumer).items():
                    if partition not in missing:
                        continue
                    span = missing[partition]
                    records = self._records(partition, messages, span, seen)
                    if records:
                        yield records
                    if span.next >= span.end:
                        del missing[partition]
                        consumer.pause([TopicPartition(self._topic, partition)])
            consumer.resume([TopicPartition(self._topic, p) for p in spans])
            consumer.unassign()
        except BaseException:  # also that of a generator which is not read to its end
            consumer.close()
            raise
        self._give_back(consumer)

    def close(self) -> None:
        """Close the consumers; a read that goes on closes its own."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for consumer in idle:
            consumer.close()

    def _records(
        self,
        partition: int,
        messages: list[Message],
        span: OffsetRange,
        seen: Callable[[Message], None] | None,
    ) -> list[Record]:
        records: list[Record] = []
        for message in messages:
            offset, error = message.offset(), message.error()
            if error is not None:
                self._judge(error, partition, span)
            if offset is None or offset < span.next:
                continue
            if error is not None:
                span.next = offset  # the end of the partition: nothing was stored up to here
                continue
            if offset >= span.end:
                span.next = offset
                break
            # A broker's clock may jump back: log time does not, it decides what a read shows.
            span.log_time = max(span.log_time, log_time_of(message, self._topic))
            data = message.value() or b""
            records.append(Record(Position(partition, offset), span.log_time, data))
            if seen is not None:
                seen(message)
            span.next = offset + 1
        return records

    def _judge(self, error: KafkaError, partition: int, span: OffsetRange) -> None:
        """Whether a read can go on after what a consumer says."""
        if error.code() == KafkaError._PARTITION_EOF:
            return
        if error.code() in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:
            raise self._gone(partition, span.next, self.begins([partition])[partition])
        raise self._connection.unavailable(f"could not be read ({self._topic})", error)

    def _gone(self, partition: int, start: int, begin: int) -> Damaged:
        return Damaged(
            f"Kafka's topic {self._topic} has no record {partition}:{start} any more, partition "
            f"{partition} begins at {begin}: retention or an administrator removed history. Stop "
            "writing, see `memos doctor`, and load your last export"
        )

    def _consume(self, consumer: Consumer) -> dict[int, list[Message]]:
        """What comes next, by partition; waits for it as long as the time-out."""
        deadline = time.monotonic() + self._settings.timeout
        while True:
            first = consumer.poll(RETRY_SECONDS)
            if first is not None:
                break
            if time.monotonic() > deadline:
                raise self._connection.unavailable(
                    f"sent nothing of {self._topic} for {self._settings.timeout:.0f} s", "timed out"
                )
        # `consume` waits for as many as it is asked for: only what is there already.
        messages: dict[int, list[Message]] = {}
        for message in (first, *consumer.consume(BATCH - 1, timeout=0)):
            partition, error = message.partition(), message.error()
            if partition is None or partition < 0:
                if error is not None and not passes(error):
                    raise self._connection.unavailable(f"could not be read ({self._topic})", error)
                continue
            messages.setdefault(partition, []).append(message)
        return messages

    def _offsets(self, partitions: Sequence[int], spec: Whence) -> Cut:
        deadline = time.monotonic() + self._settings.timeout
        specs = {TopicPartition(self._topic, partition): spec for partition in partitions}
        what = f"did not tell where {self._topic} begins and ends"
        while True:
            left = max(deadline - time.monotonic(), RETRY_SECONDS)
            asked = self._admin.list_offsets(
                specs, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=left
            )
            error: object = "timed out"
            try:
                offsets = {
                    place.partition: self._connection.answer(future, self._admin, what).offset
                    for place, future in asked.items()
                }
            except KafkaException as failure:
                error, cause = failure, kafka_error(failure)
                if cause is None or not passes(cause):
                    deadline = 0
            else:
                # A broker that does not answer leaves its partitions without an offset, and no error.
                if all(offset >= 0 for offset in offsets.values()):
                    return offsets
            if time.monotonic() > deadline:
                raise self._connection.unavailable(what, error)
            time.sleep(RETRY_SECONDS)

    def _take(self) -> Consumer:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Consumer(
            self._connection.config(
                # Needed by the library; nothing joins it and nothing is committed to it.
                group_id=f"{self._settings.prefix}.reader",
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                enable_partition_eof=True,
                auto_offset_reset="error",
                isolation_level="read_committed",
                check_crcs=True,
                queued_max_messages_kbytes=QUEUED_KIB,
                fetch_message_max_bytes=self._settings.max_batch_bytes,
                # A fetch that waits at one partition's end holds up the next read of another.
                fetch_wait_max_ms=10,
                fetch_queue_backoff_ms=10,
            )
        )

    def _give_back(self, consumer: Consumer) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < IDLE_CONSUMERS:
                self._idle.append(consumer)
                return
        consumer.close()
