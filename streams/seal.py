"""The seal: from the log of events to signed Merkle trees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.workers.seal import SealWorker
from streams.driver import OpenedWorker


@contextmanager
def open_worker(settings: DistributedSettings) -> Iterator[OpenedWorker]:
    """The worker of the live generation, and the servers that it writes to."""
    with closing(Stores(settings)) as stores:
        live = stores.live()
        worker = SealWorker(stores, live)
        yield OpenedWorker(worker, lambda: stores.live_number() != live.number)
