"""The index: from what the fold made of the events to what search runs on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from memos.infrastructure.engine.distributed.refold import index_worker
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.workers.index import IndexWorker
from memos.infrastructure.engine.distributed.workers.port import ProjectionStatus
from memos.infrastructure.engine.distributed.workers.vector_thread import VectorThread
from memos.infrastructure.engine.distributed.workers.vectors import VectorIndexer
from memos.infrastructure.index.milvus.connection import Milvus
from memos.kernel.errors import InvalidInput
from streams.driver import OpenedWorker


@contextmanager
def open_worker(settings: DistributedSettings) -> Iterator[OpenedWorker]:
    """The worker, and the servers that it writes to; vectors follow in a thread of their own."""
    with ExitStack() as stack:
        stores = stack.enter_context(closing(Stores(settings)))
        generation = stores.live()
        worker = index_worker(stores, generation)
        status = partial(_status, generation)
        if settings.embedder is not None:
            if stores.settings.milvus is None:
                raise InvalidInput(
                    f"{settings.path} has a section [embedder] and none [milvus]: vectors need one"
                )
            milvus = stack.enter_context(closing(Milvus(stores.settings.milvus)))
            indexer = VectorIndexer(stores, generation, milvus, settings.embedder.open())
            thread = VectorThread(indexer, lambda: worker.partitions)
            thread.start()
            stack.callback(thread.close)
            status = partial(_embedding_status, generation, worker, indexer, thread)
        yield OpenedWorker(
            worker,
            lambda: stores.is_replaced(generation.number),
            generation.number,
            status,
        )


def _status(generation: Generation) -> ProjectionStatus:
    return ProjectionStatus(set_aside=generation.set_aside.count())


def _embedding_status(
    generation: Generation, worker: IndexWorker, indexer: VectorIndexer, thread: VectorThread
) -> ProjectionStatus:
    return _status(generation)._replace(
        embedding=indexer.waiting(worker.partitions), problem=thread.problem
    )
