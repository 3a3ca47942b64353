"""Rebuild: fold the whole log into the next generation, beside the live one, then switch.

A plain consumer reads the log and calls the same fold and the same index. What was appended
meanwhile the workers take up from the new generation's checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

from memos.infrastructure.distributed import keeping
from memos.infrastructure.distributed.folding import PROJECTION, PartitionFold, mark_of
from memos.infrastructure.distributed.indexing import IndexWorker
from memos.infrastructure.distributed.sealing import SealWorker
from memos.infrastructure.distributed.stores import Generation, Stores, open_generation
from memos.infrastructure.distributed.using import UsageWorker
from memos.infrastructure.distributed.worker import Worker
from memos.infrastructure.engine import Progress, Rebuilt
from memos.infrastructure.index.change import Analyse
from memos.infrastructure.log.kafka import KafkaLog
from memos.infrastructure.vault.cassandra import schema
from memos.kernel.event import Record


def rebuild(stores: Stores, analyse: Analyse, progress: Progress) -> Rebuilt:
    """Fold the log again; the projections that it gives take the place of the live ones.

    Readers see the old ones until it is done; a crash leaves them as they were, and what was built
    is dropped by the next rebuild.
    """
    live = stores.live_number()
    for number in schema.generations(stores.store):
        if number != live:
            schema.drop_generation(stores.store, number)
    generation = open_generation(stores.store, schema.new_generation(stores.store))
    index = index_worker(stores, generation, analyse)
    undecodable = fold_log(stores, generation, index, progress)
    events = sum(offset for offset, _, _ in generation.vault.checkpoints(PROJECTION).values())
    rebuilt = Rebuilt(
        events,
        keeping.digest(generation.vault),
        tuple(undecodable),
        tuple(map(str, index.unreadable)),
    )
    schema.switch_to(stores.store, generation.number)
    return rebuilt


def index_worker(stores: Stores, generation: Generation, analyse: Analyse) -> IndexWorker:
    """The index worker of a generation."""
    return IndexWorker(
        stores.logs.events.topic,
        generation.vault,
        generation.writer,
        generation.spans,
        stores.keys,
        stores.cube_keys,
        analyse,
    )


def fold_log(
    stores: Stores, generation: Generation, index: IndexWorker, progress: Progress
) -> list[str]:
    """Bring every projection of a generation to where the log ends now, from where each one is.

    What follows from an event stands in the log already and is not appended.

    Returns:
        The positions of the records that are no events, of those that were folded.
    """
    undecodable = _refold(stores, generation, index, progress)
    _follow(stores.logs.access, UsageWorker(stores, generation))
    _follow(stores.logs.events, SealWorker(stores, generation))
    return undecodable


def _refold(
    stores: Stores, generation: Generation, index: IndexWorker, progress: Progress
) -> list[str]:
    end = stores.logs.events.end()
    marks = {partition: mark_of(generation.vault, PROJECTION, partition) for partition in end}
    folds = {p: PartitionFold(generation.vault, mark) for p, mark in marks.items()}
    # The index is behind the fold, or where it is.
    starts = {p: mark_of(generation.vault, index.name, p) for p in end}
    start = {p: mark.offset for p, mark in starts.items()}
    log_times = {p: mark.log_time for p, mark in starts.items()}
    total, done = sum(end.values()), sum(start.values())
    undecodable: list[str] = []
    for records in stores.logs.events.read_all(end, start, log_times):
        partition = records[0].position.partition
        undecodable += _fold(generation, folds[partition], partition, records)
        index.take(records)
        done += len(records)
        progress(done, total)
    return undecodable


def _fold(
    generation: Generation, folding: PartitionFold, partition: int, records: Sequence[Record]
) -> list[str]:
    """Fold a batch; what follows from it stands in the log already. Its undecodable records."""
    batch = folding.fold(records)
    if batch.too_new is not None:
        raise batch.too_new
    generation.writer.write_records(batch.folded)
    generation.writer.write_heads(batch.folded)
    generation.writer.write_checkpoint(PROJECTION, partition, *batch.mark)
    folding.done(batch)
    return [str(each.record.position) for each in batch.folded if each.event is None]


def _follow(log: KafkaLog, worker: Worker) -> None:
    """Have a worker take a log from its begin to where it ends now."""
    for records in log.read_all(log.end()):
        worker.take(records)
