"""The usage: from the access log to how often, and when last, each cube was used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from memos.infrastructure.distributed.settings import Settings
from memos.infrastructure.distributed.stores import Stores
from memos.infrastructure.distributed.using import UsageWorker


@contextmanager
def opened(settings: Settings) -> Iterator[UsageWorker]:
    """The worker, and the servers that it writes to."""
    with closing(Stores(settings)) as stores:
        yield UsageWorker(stores, stores.live())
