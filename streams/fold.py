"""The fold: from the log of events to the vault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from memos.infrastructure.engine.distributed.erasure import erases_under_way
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.workers.fold import FoldWorker
from memos.infrastructure.engine.distributed.workers.port import ProjectionStatus
from streams.driver import OpenedWorker


@contextmanager
def open_worker(settings: DistributedSettings) -> Iterator[OpenedWorker]:
    """The worker of the live generation, and the servers that it writes to."""
    with closing(Stores(settings)) as stores:
        live = stores.live()
        worker = FoldWorker(live.vault, live.writer, stores.logs.events)
        yield OpenedWorker(
            worker,
            lambda: stores.is_replaced(live.number),
            live.number,
            lambda: ProjectionStatus(erases=erases_under_way(stores.cassandra, live.vault)),
        )
