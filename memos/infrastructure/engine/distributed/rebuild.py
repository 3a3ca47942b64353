"""Rebuild: fold the whole log into the next generation, beside the live one, then switch.

A plain consumer reads the log and calls the same fold and the same index. What was appended
meanwhile the workers take up from the new generation's checkpoints.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from memos.infrastructure.engine.distributed.binding import check_reach
from memos.infrastructure.engine.distributed.building import (
    REBUILD,
    built_collection,
    built_generation,
    drop_collections_left_over,
    left_over,
    show_collection,
)
from memos.infrastructure.engine.distributed.figures import digest, memories
from memos.infrastructure.engine.distributed.live_generation import is_as_far
from memos.infrastructure.engine.distributed.refold import fold_log, index_worker
from memos.infrastructure.engine.distributed.stores import (
    Generation,
    Stores,
    open_generation,
)
from memos.infrastructure.engine.distributed.workers.vectors import VectorIndexer
from memos.infrastructure.engine.purpose import Purpose
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.reports import Rebuilt
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.lease import Holder, Lease, awaited_lease
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.errors import VaultError

log = logging.getLogger("memos")

CATCH_UP_PASSES = 10


def rebuild(stores: Stores, progress: Progress) -> Rebuilt:
    """Fold the log again; the projections that it gives take the place of the live ones.

    One rebuild at a time: another one is waited for, and a log line says which. Before the switch it
    catches up with what was written meanwhile. Readers see the old projections until it is done; a crash
    leaves them as they were, and what was built is dropped by the next rebuild.

    Raises:
        LogLost: the log ends before what was folded, and the vault was not opened to accept that.
        VaultError: the process was paused for so long that another rebuild may have begun; nothing was
            switched.
    """
    store = stores.cassandra
    with awaited_lease(store, REBUILD, _tell_wait) as lease:
        schema.let_switch(store, lease.holder)
        live = stores.live_number()
        if stores.purpose is not Purpose.REBUILD_WITH_LOSS and schema.is_there(store, live):
            check_reach(stores.live().vault, stores.logs)
        for number in left_over(store):
            schema.drop_generation(store, number)
        with built_generation(store) as (number, built):
            try:
                return _Rebuild(stores, live, number, lease, built).run(progress)
            except VaultError:
                lease.check()  # where another took the tables away, that is why
                built.check()
                raise


def _tell_wait(holder: Holder) -> None:
    since = datetime.fromtimestamp(holder.since // 1_000_000, UTC)
    log.warning(
        "another rebuild is under way (%s, since %s): this one begins when it ends",
        *(holder.place, f"{since:%Y-%m-%dT%H:%M:%SZ}"),
    )


class _Rebuild:
    """One rebuild, which fills a generation and puts it in the place of the live one.

    Args:
        stores: the vault.
        live: the number of the live generation.
        number: that of the new one.
        lease: that of the rebuild.
        built: that of the new generation.
    """

    def __init__(self, stores: Stores, live: int, number: int, lease: Lease, built: Lease) -> None:
        self._stores = stores
        self._generation = open_generation(stores.cassandra, number)
        self._index = index_worker(stores, self._generation)
        self._lease, self._built = lease, built
        self._lost = live
        has_tables = schema.is_there(stores.cassandra, live)
        self._replaced = open_generation(stores.cassandra, live) if has_tables else None
        self._undecodable: list[str] = []

    def run(self, progress: Progress) -> Rebuilt:
        """Do it; see `rebuild`."""
        generation = self._generation
        self._fold(progress, from_nothing=True)
        with _vectors_beside(self._stores, self._replaced, generation) as vectors:
            for _ in range(CATCH_UP_PASSES):
                # Each pass has less to do than the one before: what was written during that one.
                self._fold(no_progress)
                vectors.embed()
                if self._replaced is None or is_as_far(generation, self._replaced):
                    break
            self._lease.check()
            self._built.check()
            schema.switch_to(self._stores.cassandra, generation.number, self._lease.holder)
            vectors.switch()
            if self._replaced is None:
                # What is lost is no former one, which somebody might go back to.
                schema.drop_generation(self._stores.cassandra, self._lost)
        gone = 0
        if self._replaced is not None and self._stores.purpose is Purpose.REBUILD_WITH_LOSS:
            gone = len(memories(self._replaced.vault) - memories(generation.vault))
        # What came in the moment of the switch; the workers take seconds to follow.
        self._fold(no_progress)
        told = digest(generation.vault)
        return Rebuilt(
            generation.vault.folded_size(),
            told,
            tuple(self._undecodable),
            tuple(map(str, self._index.unreadable)),
            gone,
        )

    def _fold(self, progress: Progress, *, from_nothing: bool = False) -> None:
        settled = None
        if self._replaced is not None and self._stores.purpose is not Purpose.REBUILD_WITH_LOSS:
            # Where no worker is, or behind, nobody has appended yet what follows from later events.
            settled = self._replaced.vault.offsets([FOLD])[FOLD]
        self._undecodable += fold_log(
            self._stores,
            self._generation,
            self._index,
            progress,
            from_nothing=from_nothing,
            settled=settled,
        )


class _Vectors(NamedTuple):
    """What embeds what is folded and not embedded yet, and what puts the result in place."""

    embed: Callable[[], None]
    switch: Callable[[], None]


@contextmanager
def _vectors_beside(
    stores: Stores, replaced: Generation | None, generation: Generation
) -> Iterator[_Vectors]:
    """Embed everything again into a collection beside the live one."""
    settings, store = stores.settings, stores.cassandra
    if settings.milvus is None or settings.embedder is None:
        yield _Vectors(lambda: None, lambda: None)
        return
    embedder = settings.embedder.open()
    with closing(Milvus(settings.milvus)) as milvus:
        collections = Generations(milvus, embedder.digest, embedder.dimensions)
        if replaced is not None:
            show_collection(store, collections, replaced.number)
        drop_collections_left_over(store, collections)
        with built_collection(store, collections) as number:
            name = collections.name(number)
            indexer = VectorIndexer(stores, generation, milvus, embedder, name)

            def embed() -> None:
                for partition in generation.vault.checkpoints(FOLD):
                    while indexer.step(partition):
                        pass
                indexer.settle()
                schema.name_collection(store, generation.number, name)

            def switch() -> None:
                show_collection(store, collections, generation.number)

            yield _Vectors(embed, switch)
