"""Folding the log again into a generation: what a rebuild, an audit and a migration do.

A plain consumer reads the log and calls the same fold and the same index as the workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.workers.fold import (
    PartitionFold,
    mark_of,
    store_batch,
)
from memos.infrastructure.engine.distributed.workers.index import IndexWorker
from memos.infrastructure.engine.distributed.workers.seal import SealWorker
from memos.infrastructure.engine.distributed.workers.usage import UsageWorker
from memos.infrastructure.engine.kept_keys import TenantKeys
from memos.infrastructure.log.kafka.log import KafkaLog
from memos.infrastructure.log.port import Cut
from memos.infrastructure.progress import Progress
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.event import Record

THREADS = 4
"""Partitions folded side by side: a thread waits for the servers most of its time."""


def index_worker(
    stores: Stores, generation: Generation, keys: TenantKeys | None = None
) -> IndexWorker:
    """The index worker of a generation; `keys` stands for the vault's own."""
    return IndexWorker(
        stores.logs.events,
        generation.vault,
        generation.writer,
        generation.spans,
        keys or stores.keys,
        stores.cube_keys,
        generation.usage,
        generation.set_aside,
    )


def fold_log(
    stores: Stores,
    generation: Generation,
    index: IndexWorker,
    progress: Progress,
    *,
    from_nothing: bool = False,
    settled: Cut | None = None,
) -> list[str]:
    """Bring every projection of a generation to where the log ends now, from where each one is.

    Args:
        stores: the vault.
        generation: what is filled.
        index: its index worker.
        progress: told of events.
        from_nothing: the generation was made just now and holds nothing.
        settled: up to where a fold worker has appended what follows from events; of later ones it is
            appended here, where perhaps it never was. By default all of it stands in the log.

    Returns:
        The positions of the records that are no events, of those that were folded.
    """
    usage, seal = UsageWorker(stores, generation), SealWorker(stores, generation)
    access, events = stores.logs.access, stores.logs.events
    end = events.end()
    with ThreadPoolExecutor(2) as threads:
        others = [
            threads.submit(follow, generation, access, UsageWorker.name, usage.take, access.end()),
            threads.submit(follow, generation, events, SealWorker.name, seal.take, end),
        ]
        undecodable = fold_events(
            stores, generation, index, end, progress, from_nothing=from_nothing, settled=settled
        )
        for other in others:
            other.result()
    return undecodable


def fold_events(
    stores: Stores,
    generation: Generation,
    index: IndexWorker,
    end: Cut,
    progress: Progress,
    *,
    from_nothing: bool = False,
    settled: Cut | None = None,
) -> list[str]:
    """Fold and index events up to a cut; see `fold_log`."""
    shared = SharedProgress(sum(end.values()), progress)
    with ThreadPoolExecutor(THREADS) as threads:
        folds = [
            threads.submit(
                _refold,
                stores,
                generation,
                index,
                partition,
                size,
                shared,
                from_nothing=from_nothing,
                settled=size if settled is None else settled.get(partition, 0),
            )
            for partition, size in end.items()
        ]
        return [position for fold in folds for position in fold.result()]


def follow(
    generation: Generation,
    log: KafkaLog,
    projection: str,
    take: Callable[[Sequence[Record]], None],
    end: Cut,
) -> None:
    """Have a worker take a log up to a cut, from where its projection is."""
    marks = generation.vault.checkpoints(projection)
    starts = {partition: offset for partition, (offset, _, _) in marks.items()}
    times = {partition: log_time for partition, (_, _, log_time) in marks.items()}
    for records in log.read_all(end, starts, times):
        take(records)


class SharedProgress:
    """Adds up what several threads have done, and reports it."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._done = total, 0
        self._progress = progress
        self._lock = Lock()

    def more(self, count: int) -> None:
        """So many more are done."""
        with self._lock:
            self._done += count
            self._progress(self._done, self._total)


def _refold(
    stores: Stores,
    generation: Generation,
    index: IndexWorker,
    partition: int,
    end: int,
    shared: SharedProgress,
    *,
    from_nothing: bool,
    settled: int,
) -> list[str]:
    """Fold and index one partition up to an offset; the positions of what is no event."""
    folded = mark_of(generation.vault, FOLD, partition)
    folding = PartitionFold(generation.vault, folded, from_nothing=from_nothing)
    # The index is behind the fold, or where it is.
    start = mark_of(generation.vault, index.name, partition)
    shared.more(start.offset)
    undecodable: list[str] = []
    for read in stores.logs.events.read_all(
        {partition: end}, {partition: start.offset}, {partition: start.log_time}
    ):
        for records, appends in _split(read, settled):
            batch = folding.fold(records)
            if batch.too_new is not None:
                raise batch.too_new
            store_batch(
                generation.vault,
                generation.writer,
                folding,
                partition,
                batch,
                stores.logs.events if appends else None,
            )
            folding.done(batch)
            if len(batch.folded) == len(records):
                index.take_folded(partition, batch.folded, batch.mark)
            else:  # some were folded before a crash
                index.take(records)
            undecodable += [
                str(folded.record.position) for folded in batch.folded if folded.event is None
            ]
            shared.more(len(records))
    return undecodable


def _split(records: Sequence[Record], settled: int) -> Iterator[tuple[Sequence[Record], bool]]:
    """Records before an offset, and those from there on: whether what follows is to be appended."""
    before = [record for record in records if record.position.offset < settled]
    for part, appends in ((before, False), (records[len(before) :], True)):
        if part:
            yield part, appends
