"""The index: from what the fold made of the events to what search runs on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from memos.infrastructure.engine.distributed.rebuild import index_worker
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.workers.vectors import VectorIndexer, VectorThread
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
        if settings.embedder is not None:
            if settings.milvus is None:
                raise InvalidInput(
                    f"{settings.path} has a section [embedder] and none [milvus]: vectors need one"
                )
            milvus = stack.enter_context(closing(Milvus(settings.milvus)))
            indexer = VectorIndexer(stores, generation, milvus, settings.embedder.open())
            thread = VectorThread(indexer, lambda: worker.partitions)
            thread.start()
            stack.callback(thread.close)
        yield OpenedWorker(worker, lambda: stores.live_number() != generation.number)
