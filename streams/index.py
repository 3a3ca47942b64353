"""The index: from what the fold made of the events to what search runs on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from memos.infrastructure.distributed.indexing import IndexWorker
from memos.infrastructure.distributed.rebuilding import index_worker
from memos.infrastructure.distributed.settings import Settings
from memos.infrastructure.distributed.stores import Stores
from memos.interface.session import analyse


@contextmanager
def opened(settings: Settings) -> Iterator[IndexWorker]:
    """The worker, and the servers that it writes to."""
    with closing(Stores(settings)) as stores:
        yield index_worker(stores, stores.live(), analyse)
