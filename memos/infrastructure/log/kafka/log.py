"""The log in Kafka: durable once every in-sync replica has it; ordered within a partition.

A record is written when the broker says so, with the broker's time. An append to several partitions
is not one transaction: where it fails in part, Unacknowledged says so, and a repetition with the
same idempotency key is told apart in the fold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import cast

from confluent_kafka import Message, murmur2

from memos.infrastructure.log.kafka.reader import KafkaReader, OffsetRange
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.kafka.topics import verify_topics
from memos.infrastructure.log.kafka.writer import Headers, KafkaEntry, KafkaWriter, acknowledged
from memos.infrastructure.log.port import Cut, EventLog
from memos.kernel.errors import Damaged, InvalidInput, LogLost, LogUnavailable, PartitionsChanged
from memos.kernel.event import Position, Record


class KafkaLog(EventLog):
    """One topic. Made by `KafkaLogs`, whose producer it shares; safe to use from any thread."""

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        partitions: int,
        writer: KafkaWriter,
        check: Callable[[], None],
        check_anew: Callable[[], None],
    ) -> None:
        self.topic = topic
        self.partitions = range(partitions)
        self._settings = settings
        self._writer = writer
        self._check, self._check_anew = check, check_anew
        self._reader = KafkaReader(settings, topic)
        self._seen: dict[int, int] = {}
        """Where each partition was seen to end, at least."""

    def append(self, entries: Sequence[tuple[bytes, bytes]]) -> list[Record]:
        """Append (key, event bytes) pairs; their records, in the order of the entries.

        Entries of one key stay together and in order. A record's log time is the broker's time;
        where its clock jumped back, `read` gives a greater one.

        Raises:
            InvalidInput: an entry is too large; nothing was appended.
            LogUnavailable: nothing was appended.
            Unacknowledged: some or all may have been appended.
            LogLost: the topic is not the vault's any more; what was appended, was to one that was made
                anew under its name.
        """
        ended = dict(self._seen)  # before this append: others go on meanwhile
        try:
            records = acknowledged(self.append_async(entries), self._settings)
        except LogUnavailable:
            self._check_anew()  # to a topic that is gone nothing can be sent, and to retry is no help
            raise
        self._check()  # others may have seen meanwhile that the topic is another
        for partition, offset in (record.position for record in records):
            if offset < ended.get(partition, 0):
                raise LogLost(
                    f"Kafka's topic {self.topic} was made anew, or lost its end: a record was taken at "
                    f"{partition}:{offset}, and that partition had ended at {ended[partition]}. "
                    "Stop writing, and see `memos doctor`"
                )
        self._see({record.position.partition: record.position.offset + 1 for record in records})
        return records

    def append_async(self, entries: Sequence[tuple[bytes, bytes]]) -> Future[list[Record]]:
        """As `append`, without waiting for the records: they, or the error, are the future's.

        A callback on the future runs on the producer's thread and must not block.

        Raises:
            InvalidInput: an entry is too large; nothing was sent.
            LogLost: the topic is not the vault's any more; nothing was sent.
        """
        self._check()
        return self._writer.send(
            self.topic, [KafkaEntry(self.partition_of(key), key, data) for key, data in entries]
        )

    def append_with_headers(self, entries: Sequence[tuple[bytes, bytes, Headers]]) -> list[Record]:
        """As `append`, of (key, event bytes, headers)."""
        sent = [
            KafkaEntry(self.partition_of(key), key, data, headers) for key, data, headers in entries
        ]
        return acknowledged(self._writer.send(self.topic, sent), self._settings)

    def partition_of(self, key: bytes) -> int:
        """The partition of a key: Kafka's murmur2, as Java's and Faust's producers have it.

        Counted over the partitions that the vault knows: one that was added on the server gets
        nothing, so that no key changes its partition.
        """
        return murmur2(key, len(self.partitions))

    def end(self) -> Cut:
        """The cut behind the last record of every partition."""
        ends = self._reader.ends(self.partitions)
        self._see(ends)
        return ends

    def read(
        self, partition: int, start: int = 0, end: int | None = None, *, log_time: int = 0
    ) -> Iterator[Record]:
        """The records of a partition from offset `start` up to, not including, `end`.

        Args:
            partition: which one.
            start: the first offset.
            end: by default where the partition ends when the reading begins.
            log_time: the greatest log time before `start`, in microseconds: log times never fall,
                even where a broker's clock did.

        Raises:
            InvalidInput: there is no such partition.
            Damaged: history was removed, or the log ends before `start`.
            LogUnavailable: the servers do not answer.
        """
        last = self._end_of(partition)
        if start > last:
            raise self._too_short(partition, start, last)
        span = OffsetRange(start, last if end is None else min(end, last), log_time)
        for batch in self._reader.batches({partition: span}):
            yield from batch

    def read_all(
        self, cut: Cut, start: Cut | None = None, log_times: Mapping[int, int] | None = None
    ) -> Iterator[list[Record]]:
        """The records of all partitions that `cut` names, up to it, fetched side by side.

        Args:
            cut: where each partition ends; those it does not name are not read.
            start: where each begins; 0 for those it does not name.
            log_times: the greatest log time before each start, in microseconds.

        Yields:
            Up to a thousand records of one partition; each partition's come in order.

        Raises:
            Damaged: the log ends before the cut, or history was removed.
            LogUnavailable: the servers do not answer.
        """
        start, log_times = start or {}, log_times or {}
        ends = self._reader.ends(list(cut))
        for partition, end in cut.items():
            if end > ends[partition]:
                raise self._too_short(partition, end, ends[partition])
        yield from self._reader.batches(
            {p: OffsetRange(start.get(p, 0), end, log_times.get(p, 0)) for p, end in cut.items()}
        )

    def read_with_headers(
        self, partition: int, start: int, end: int
    ) -> Iterator[tuple[Record, Headers]]:
        """As `read`, with each record's headers."""
        kept: list[Headers] = []

        def keep(message: Message) -> None:
            headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
            kept.append(tuple((name, value or b"") for name, value in headers))

        for batch in self._reader.batches({partition: OffsetRange(start, end, 0)}, keep):
            yield from zip(batch, list(kept), strict=True)
            kept.clear()

    def record_at(self, position: Position, *, log_time: int = 0) -> Record | None:
        """The record at a position; None where the log has none. `log_time` is as for `read`."""
        partition, offset = position
        if offset >= self._end_of(partition):
            return None
        for batch in self._reader.batches({partition: OffsetRange(offset, offset + 1, log_time)}):
            return batch[0]
        return None

    def check_empty(self, added: Sequence[int]) -> None:
        """Raise PartitionsChanged where there are records in partitions that were added: no vault
        writes there.
        """
        ends = self._reader.ends(added) if added else {}
        for partition, end in ends.items():
            if end:
                raise PartitionsChanged(
                    f"partition {partition} of {self.topic} was added, and another program wrote "
                    f"{end} records there, which belong to no vault: see what they are, and remove "
                    "them with kafka-delete-records"
                )

    def close(self) -> None:
        """Close what reads; the producer is its owner's."""
        self._reader.close()

    def _see(self, ends: Cut) -> None:
        for partition, end in ends.items():
            self._seen[partition] = max(end, self._seen.get(partition, 0))

    def _end_of(self, partition: int) -> int:
        if partition not in self.partitions:
            raise InvalidInput(
                f"{self.topic} has no partition {partition}: it has 0 to {self.partitions[-1]}"
            )
        return self._reader.ends([partition])[partition]

    def _too_short(self, partition: int, expected: int, last: int) -> Damaged:
        return Damaged(
            f"partition {partition} of Kafka's topic {self.topic} ends at {last}, before {expected}, "
            "which was acknowledged: the topic was made anew or an unclean leader was elected. Stop "
            "writing, see `memos doctor`, and load your last export"
        )


class KafkaLogs:
    """The three logs of a vault in Kafka, with one producer between them."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        grown: bool = False,
        check: Callable[[], None] = lambda: None,
        check_anew: Callable[[], None] = lambda: None,
    ) -> None:
        """Open the logs.

        Args:
            settings: its `partitions` must be what the vault was made with.
            grown: take topics to which partitions were added, as long as nothing is in them.
            check: called before and behind each append; what it raises, the append does.
            check_anew: the same, called where the servers did not take an append.

        Raises:
            InvalidInput: Kafka's client refuses the settings.
            LogUnavailable: the servers do not answer, or there are no such topics.
            PartitionsChanged: a topic has another number of partitions.
        """
        partitions_of = verify_topics(settings, grown=grown)
        self._writer = KafkaWriter(settings)
        self.events, self.access, self.checkpoints = (
            KafkaLog(settings, topic, partitions, self._writer, check, check_anew)
            for topic, partitions in settings.topics.items()
        )
        try:
            for log in (self.events, self.access, self.checkpoints):
                log.check_empty(range(len(log.partitions), partitions_of[log.topic]))
        except BaseException:
            self.close()
            raise

    def flush(self) -> None:
        """Wait until all that was appended is acknowledged or has failed."""
        self._writer.flush()

    def close(self) -> None:
        """Send what is queued and end; at most the settings' time-out."""
        self._writer.close()
        for log in (self.events, self.access, self.checkpoints):
            log.close()

    def __enter__(self) -> KafkaLogs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
