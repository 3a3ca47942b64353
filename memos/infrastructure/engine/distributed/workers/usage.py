"""The usage worker: from the access log to how often, and when last, each cube was used."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.workers.fold import mark_of
from memos.infrastructure.engine.distributed.workers.port import Mark
from memos.infrastructure.governance.usage.cassandra import AccessRecord
from memos.kernel.event import SCHEMA, Record, TooNew
from memos.wire.access_pb2 import AccessEvent

PROJECTION = "usage"


class UsageWorker:
    """See `workers.port.Worker`. A record that is no access counts for nothing."""

    name = PROJECTION

    def __init__(self, stores: Stores, generation: Generation) -> None:
        self._topic = stores.logs.access.topic
        self._generation = generation
        self._marks: dict[int, Mark] = {}
        self.undecodable = 0
        """Records that were no accesses, since the start."""

    @property
    def topic(self) -> str:
        return self._topic

    def assigned(self, partition: int) -> int:
        mark = mark_of(self._generation.vault, PROJECTION, partition)
        self._marks[partition] = mark
        return mark.offset

    def take(self, records: Sequence[Record]) -> None:
        if not records:
            return
        partition = records[0].position.partition
        if partition not in self._marks:
            self.assigned(partition)
        start = mark = self._marks[partition]
        accesses, undecodable, too_new = [], 0, None
        for record in records:
            if record.position.offset < mark.offset:
                continue
            try:
                _check(record.data)
            except DecodeError:
                undecodable += 1
            except TooNew as error:
                too_new = error
                break
            else:
                accesses.append(AccessRecord(record.position.offset, record.data))
            mark = mark.then(record)
        if mark != start:
            self._generation.usage.fold(partition, accesses)
            self._generation.writer.write_checkpoint(PROJECTION, partition, *mark)
            self._marks[partition] = mark
            self.undecodable += undecodable
        if too_new is not None:
            raise too_new


def _check(data: bytes) -> None:
    """Raise DecodeError where the bytes are no access, TooNew where a newer release wrote them."""
    event = AccessEvent.FromString(data)
    version = (event.schema_major, event.schema_minor)
    if version > SCHEMA:
        raise TooNew(*version)
