"""A distributed vault that is left: its writers are stopped, its workers may run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from memos.infrastructure.engine.distributed.engine import DistributedEngine
from memos.infrastructure.engine.distributed.merger import Merger
from memos.infrastructure.engine.distributed.waiter import Waiter
from memos.infrastructure.engine.distributed.workers import fold as folding
from memos.infrastructure.engine.distributed.workers import seal as sealing
from memos.infrastructure.engine.distributed.workers.fold import FoldWorker
from memos.infrastructure.engine.distributed.workers.port import Worker
from memos.infrastructure.engine.distributed.workers.seal import SealWorker, origin_of
from memos.infrastructure.engine.embedded.source import key_missing
from memos.infrastructure.engine.migration import (
    CubeKey,
    Moved,
    Sealed,
    access_key,
    event_in,
    key_of,
)
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.log.ancestry import Ancestor, First, ancestors_in
from memos.infrastructure.log.kafka.first_place import first_in
from memos.infrastructure.log.kafka.groups import running_workers
from memos.infrastructure.log.kafka.log import KafkaLog
from memos.infrastructure.log.port import Cut
from memos.kernel.cube import Lifecycle

T = TypeVar("T")


class DistributedSource:
    """See `parts.Source`. Its partitions are read as one log, merged by log time."""

    def __init__(self, engine: DistributedEngine) -> None:
        self._engine = engine
        self._logs = engine.stores.logs
        self.name = engine.name
        self.origin = engine.origin
        self.verifier_key = engine.signer().verifier_key
        self.keys: KeyVault = engine.keys

    def hold(self, work: Callable[[], T]) -> T:
        return work()

    def end(self) -> Cut:
        return self._logs.events.end()

    def erasing(self) -> bool:
        self._bring_up(folding.PROJECTION)
        return bool(self._engine.unfinished())

    def seal(self) -> list[Sealed]:
        self._bring_up(sealing.PROJECTION)
        found = []
        for partition in self._logs.events.partitions:
            head = self._engine.sign(partition)
            found.append(Sealed(partition, head.size, head.note))
        self._bring_up(folding.PROJECTION)
        return found

    def _bring_up(self, projection: str) -> None:
        """Have a projection at the end of the log: by its worker, or here where none is running.

        Where partitions were added to the topics no worker starts any more, and what they left is
        folded here.
        """
        settings, events = self._engine.settings, self._logs.events
        if projection in running_workers(settings.kafka):
            Waiter(lambda: self._engine.generation.vault, settings.wait_seconds).until_passed(
                projection, events.end()
            )
            return
        worker = self._worker(projection)
        taken: Cut = {partition: worker.assigned(partition) for partition in events.partitions}
        while (end := events.end()) != taken:  # the fold appends what follows
            for records in events.read_all(end, taken):
                worker.take(records)
            taken = end

    def _worker(self, projection: str) -> Worker:
        stores, generation = self._engine.stores, self._engine.generation
        if projection == sealing.PROJECTION:
            return SealWorker(stores, generation)
        return FoldWorker(generation.vault, generation.writer, stores.logs.events)

    def cuts(self) -> Mapping[str, Cut]:
        cuts = self._engine.generation.vault.cuts()
        return {name: {at.partition: at.offset for at in cut} for name, cut in cuts.items()}

    def records(self, ends: Sequence[Cut]) -> Iterator[Iterator[Moved]]:
        last = ends[-1]
        origins = {partition: origin_of(self._engine.stores, partition) for partition in last}
        merger = Merger(
            {
                partition: _read(self._logs.events, partition, end, origins[partition])
                for partition, end in last.items()
            }
        )
        for end in ends:
            yield merger.until(end)

    def accesses(self) -> Iterator[Moved]:
        log = self._logs.access
        end = log.end()
        merger = Merger(
            {
                partition: _read_accesses(log, partition, size, f"{self.origin}/{partition}")
                for partition, size in end.items()
            }
        )
        yield from merger.until(end)

    def cube_keys(self, cube_ids: Sequence[bytes]) -> list[CubeKey]:
        found = [CubeKey(*each) for each in self._engine.stores.cube_keys.kept(cube_ids)]
        known = {each.cube_id for each in found}
        vault = self._engine.generation.vault
        for cube_id in cube_ids:
            if cube_id not in known:
                head = vault.head(cube_id)
                if head is not None and head.lifecycle is not Lifecycle.ERASED:
                    raise key_missing(cube_id)
        return found

    def erasures(self) -> Iterator[tuple[bytes, str]]:
        stores = self._engine.stores
        table = f"{stores.settings.cassandra.keyspace}.erasure"
        cql = f"SELECT operation_id, receipt FROM {table}"
        return ((row[0], row[1]) for row in stores.cassandra.stream(cql))

    def ancestors(self) -> tuple[Ancestor, ...]:
        return ancestors_in(self._engine.setting)

    def digest(self) -> str:
        return self._engine.digest()


def _read(log: KafkaLog, partition: int, end: int, origin: str) -> Iterator[Moved]:
    for record, headers in log.read_with_headers(partition, 0, end):
        at, log_time, data = record
        event = event_in(data)
        first = first_in(headers) or First(origin, at.offset, log_time)
        yield Moved(at, log_time, data, key_of(event), first, event)


def _read_accesses(log: KafkaLog, partition: int, end: int, origin: str) -> Iterator[Moved]:
    for at, log_time, data in log.read(partition, 0, end):
        yield Moved(at, log_time, data, access_key(data), First(origin, at.offset, log_time))
