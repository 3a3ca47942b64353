"""Rebuild: fold the whole log into the next generation, beside the live one, then switch.

A plain consumer reads the log and calls the same fold and the same index. What was appended
meanwhile the workers take up from the new generation's checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

from memos.infrastructure.distributed import keeping
from memos.infrastructure.distributed.folding import PROJECTION, PartitionFold
from memos.infrastructure.distributed.indexing import IndexWorker
from memos.infrastructure.distributed.sealing import SealWorker
from memos.infrastructure.distributed.stores import Generation, Stores, open_generation
from memos.infrastructure.distributed.using import UsageWorker
from memos.infrastructure.distributed.worker import Mark, Worker
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
    undecodable = _refold(stores, generation, index, progress)
    _follow(stores.logs.access, UsageWorker(stores, generation))
    _follow(stores.logs.events, SealWorker(stores, generation))
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


def _refold(
    stores: Stores, generation: Generation, index: IndexWorker, progress: Progress
) -> list[str]:
    end = stores.logs.events.end()
    total, done = sum(end.values()), 0
    folds = {partition: PartitionFold(generation.vault, Mark()) for partition in end}
    undecodable: list[str] = []
    for records in stores.logs.events.read_all(end):
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
