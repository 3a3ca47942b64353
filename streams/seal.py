"""The seal: from the log of events to signed Merkle trees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.workers.seal import SealWorker
from streams.driver import OpenedWorker
from streams.gathering import Gathering

GATHER_SECONDS = 0.2  # no writer waits for it


@contextmanager
def open_worker(settings: DistributedSettings) -> Iterator[OpenedWorker]:
    """The worker of the live generation, and the servers that it writes to."""
    with closing(Stores(settings)) as stores:
        live = stores.live()
        worker = SealWorker(stores, live)
        yield OpenedWorker(
            worker,
            lambda: stores.is_replaced(live.number),
            live.number,
            gathering=Gathering(GATHER_SECONDS, many=1),
        )
