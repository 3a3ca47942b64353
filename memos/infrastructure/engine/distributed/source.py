"""A distributed vault that is left: its writers are stopped, its workers may run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from memos.infrastructure.engine.distributed import figures
from memos.infrastructure.engine.distributed.erasure import DistributedErasure
from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.merger import Merger
from memos.infrastructure.engine.distributed.proofs import DistributedProofs
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.waiter import Waiter
from memos.infrastructure.engine.distributed.workers.fold import FoldWorker
from memos.infrastructure.engine.distributed.workers.port import Worker
from memos.infrastructure.engine.distributed.workers.seal import PROJECTION as SEAL
from memos.infrastructure.engine.distributed.workers.seal import SealWorker, origin_of
from memos.infrastructure.engine.migration import (
    CubeKey,
    Moved,
    Sealed,
    event_in,
    key_missing,
)
from memos.infrastructure.engine.owed import OwedErase, owed_in
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.log.ancestry import Ancestor, FirstPlace, ancestors_in
from memos.infrastructure.log.kafka.first_place import first_in
from memos.infrastructure.log.kafka.groups import running_workers
from memos.infrastructure.log.kafka.log import KafkaLog
from memos.infrastructure.log.port import Cut
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.consequences import cube_of_cause
from memos.kernel.cube import Lifecycle
from memos.wire.event_pb2 import Event

T = TypeVar("T")


class DistributedSource:
    """See `engine.migration.MigrationSource`. Its partitions are read as one log, merged by log
    time.
    """

    def __init__(
        self,
        stores: Stores,
        live: LiveGeneration,
        proofs: DistributedProofs,
        erasure: DistributedErasure,
    ) -> None:
        self._stores = stores
        self._live = live
        self._proofs = proofs
        self._erasure = erasure
        self._logs = stores.logs
        self.name = stores.name
        self.origin = stores.origin
        self.verifier_key = proofs.signer().verifier_key
        self.keys: KeyVault = stores.keys

    def hold(self, work: Callable[[], T]) -> T:
        return work()

    def end(self) -> Cut:
        return self._logs.events.end()

    def erasing(self) -> bool:
        self._bring_up(FOLD)
        return bool(self._erasure.unfinished())

    def seal(self) -> list[Sealed]:
        self._bring_up(SEAL)
        seals = []
        for partition in self._logs.events.partitions:
            head = self._proofs.sign(partition)
            seals.append(Sealed(partition, head.size, head.note))
        self._bring_up(FOLD)
        return seals

    def _bring_up(self, projection: str) -> None:
        """Have a projection at the end of the log: by its worker, or here where none is running.

        Where partitions were added to the topics no worker starts any more, and what they left is
        folded here.
        """
        settings, events = self._stores.settings, self._logs.events
        if projection in running_workers(settings.kafka):
            waiter = Waiter(self._live.watch, settings.wait_seconds)
            waiter.until_passed(projection, events.end())
            return
        worker = self._worker(projection)
        taken: Cut = {partition: worker.assigned(partition) for partition in events.partitions}
        while (end := events.end()) != taken:  # the fold appends what follows
            for records in events.read_all(end, taken):
                worker.take(records)
            taken = end

    def _worker(self, projection: str) -> Worker:
        stores, generation = self._stores, self._live()
        if projection == SEAL:
            return SealWorker(stores, generation)
        return FoldWorker(generation.vault, generation.writer, stores.logs.events)

    def cuts(self) -> Mapping[str, Cut]:
        cuts = self._live.vault().cuts()
        return {name: {at.partition: at.offset for at in cut} for name, cut in cuts.items()}

    def records(self, ends: Sequence[Cut], start: Cut | None = None) -> Iterator[Iterator[Moved]]:
        """See `MigrationSource.records`; from `start` on, where it is given."""
        begins = start or {}
        merger = Merger(
            {
                partition: _read(
                    self._logs.events,
                    partition,
                    begins.get(partition, 0),
                    end,
                    origin_of(self._stores, partition),
                )
                for partition, end in ends[-1].items()
            },
            lambda event: self._is_caused_before(event, begins),
        )
        for end in ends:
            yield merger.until(end)

    def _is_caused_before(self, event: Event, cut: Cut) -> bool:
        """Whether the cause of an event lies before a cut."""
        if not cut:
            return False
        causes = self._live.vault().outcomes({event.cause_id: cube_of_cause(event)})
        return any(
            cause.attempt.position.offset < cut.get(cause.attempt.position.partition, 0)
            for cause in causes.values()
        )

    def accesses_end(self) -> Cut:
        """Where the access log ends now."""
        return self._logs.access.end()

    def accesses(self, start: Cut | None = None, end: Cut | None = None) -> Iterator[Moved]:
        """See `MigrationSource.accesses`; those between two cuts, where they are given."""
        begins, ends = start or {}, self.accesses_end() if end is None else end
        merger = Merger(
            {
                partition: _read_accesses(
                    self._logs.access,
                    partition,
                    begins.get(partition, 0),
                    last,
                    f"{self.origin}/{partition}",
                )
                for partition, last in ends.items()
            }
        )
        yield from merger.until(ends)

    def cube_keys(self, cube_ids: Sequence[bytes]) -> list[CubeKey]:
        kept = [CubeKey(*key) for key in self._stores.cube_keys.kept(cube_ids)]
        with_key = {key.cube_id for key in kept}
        vault = self._live.vault()
        for cube_id in cube_ids:
            if cube_id not in with_key:
                head = vault.head(cube_id)
                if head is not None and head.lifecycle is not Lifecycle.ERASED:
                    raise key_missing(cube_id)
        return kept

    def erasures(self) -> Iterator[tuple[bytes, str]]:
        stores = self._stores
        table = f"{stores.settings.cassandra.keyspace}.erasure"
        cql = f"SELECT operation_id, receipt FROM {table}"
        return ((row[0], row[1]) for row in stores.cassandra.stream(cql))

    def ancestors(self) -> tuple[Ancestor, ...]:
        return ancestors_in(self._stores.setting)

    def owed(self) -> list[OwedErase]:
        return owed_in(self._stores.setting)

    def digest(self) -> str:
        return figures.digest(self._live.vault())


def _read(log: KafkaLog, partition: int, start: int, end: int, origin: str) -> Iterator[Moved]:
    for record, headers in log.read_with_headers(partition, start, end):
        at, log_time, data = record
        first = first_in(headers) or FirstPlace(origin, at.offset, log_time)
        yield Moved(at, log_time, data, first, event_in(data))


def _read_accesses(
    log: KafkaLog, partition: int, start: int, end: int, origin: str
) -> Iterator[Moved]:
    for at, log_time, data in log.read(partition, start, end):
        yield Moved(at, log_time, data, FirstPlace(origin, at.offset, log_time))
