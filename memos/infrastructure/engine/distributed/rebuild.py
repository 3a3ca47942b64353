"""Rebuild: fold the whole log into the next generation, beside the live one, then switch.

A plain consumer reads the log and calls the same fold and the same index. What was appended
meanwhile the workers take up from the new generation's checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from threading import Lock

from memos.infrastructure.engine.distributed.figures import digest
from memos.infrastructure.engine.distributed.stores import Generation, Stores, open_generation
from memos.infrastructure.engine.distributed.workers.fold import (
    Batch,
    PartitionFold,
    mark_of,
)
from memos.infrastructure.engine.distributed.workers.index import IndexWorker, TenantKeys
from memos.infrastructure.engine.distributed.workers.seal import SealWorker
from memos.infrastructure.engine.distributed.workers.usage import UsageWorker
from memos.infrastructure.engine.distributed.workers.vectors import VectorIndexer
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.log.kafka.log import KafkaLog
from memos.infrastructure.log.port import Cut
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import Rebuilt
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.event import Record

THREADS = 4
"""Partitions folded side by side: a thread waits for the servers most of its time."""


def rebuild(stores: Stores, progress: Progress) -> Rebuilt:
    """Fold the log again; the projections that it gives take the place of the live ones.

    Readers see the old ones until it is done; a crash leaves them as they were, and what was built
    is dropped by the next rebuild.
    """
    live = stores.live_number()
    for number in schema.generations(stores.cassandra):
        if number != live:
            schema.drop_generation(stores.cassandra, number)
    generation = open_generation(stores.cassandra, schema.new_generation(stores.cassandra))
    index = index_worker(stores, generation)
    undecodable = fold_log(stores, generation, index, progress, from_nothing=True)
    events = sum(offset for offset, _, _ in generation.vault.checkpoints(FOLD).values())
    rebuilt = Rebuilt(
        events,
        digest(generation.vault),
        tuple(undecodable),
        tuple(map(str, index.unreadable)),
    )
    with _vectors_beside(stores, generation) as switch_vectors:
        schema.switch_to(stores.cassandra, generation.number)
        switch_vectors()
    return rebuilt


@contextmanager
def _vectors_beside(stores: Stores, generation: Generation) -> Iterator[Callable[[], None]]:
    """Embed everything again into a collection beside the live one; what then puts it in place."""
    settings = stores.settings
    if settings.milvus is None or settings.embedder is None:
        yield lambda: None
        return
    embedder = settings.embedder.open()
    with closing(Milvus(settings.milvus)) as milvus:
        collections = Generations(milvus, embedder.digest, embedder.dimensions)
        old = collections.live()
        number = collections.new_generation()
        name = collections.name(number)
        indexer = VectorIndexer(stores, generation, milvus, embedder, name)
        for partition in generation.vault.checkpoints(FOLD):
            while indexer.step(partition):
                pass
        indexer.settle()

        def switch() -> None:
            collections.switch(number)
            if old is not None:
                collections.drop(old)

        yield switch


def index_worker(
    stores: Stores, generation: Generation, keys: TenantKeys | None = None
) -> IndexWorker:
    """The index worker of a generation; `keys` stands for the vault's own."""
    return IndexWorker(
        stores.logs.events.topic,
        generation.vault,
        generation.writer,
        generation.spans,
        keys or stores.keys,
        stores.cube_keys,
        generation.usage,
    )


def fold_log(
    stores: Stores,
    generation: Generation,
    index: IndexWorker,
    progress: Progress,
    *,
    from_nothing: bool = False,
) -> list[str]:
    """Bring every projection of a generation to where the log ends now, from where each one is.

    `from_nothing` says that the generation was made just now and holds nothing. What follows from an
    event stands in the log already and is not appended.

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
            stores, generation, index, end, progress, from_nothing=from_nothing
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
) -> list[str]:
    """Fold and index one partition up to an offset; the positions of what is no event."""
    folded = mark_of(generation.vault, FOLD, partition)
    folding = PartitionFold(generation.vault, folded, from_nothing=from_nothing)
    # The index is behind the fold, or where it is.
    start = mark_of(generation.vault, index.name, partition)
    shared.more(start.offset)
    undecodable: list[str] = []
    for records in stores.logs.events.read_all(
        {partition: end}, {partition: start.offset}, {partition: start.log_time}
    ):
        batch = _fold(generation, folding, partition, records)
        if len(batch.folded) == len(records):
            index.take_folded(partition, batch.folded, batch.mark)
        else:  # some were folded before a crash
            index.take(records)
        undecodable += [
            str(folded.record.position) for folded in batch.folded if folded.event is None
        ]
        shared.more(len(records))
    return undecodable


def _fold(
    generation: Generation, folding: PartitionFold, partition: int, records: Sequence[Record]
) -> Batch:
    """Fold a batch; what follows from it stands in the log already."""
    batch = folding.fold(records)
    if batch.too_new is not None:
        raise batch.too_new
    generation.writer.write_records(batch.folded)
    generation.writer.write_heads(batch.folded)
    generation.writer.write_checkpoint(FOLD, partition, *batch.mark)
    folding.done(batch)
    return batch
