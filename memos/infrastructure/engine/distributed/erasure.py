"""Destroying every copy of erased cubes, counted before and looked for afterwards.

From before the Erased event until its receipt is kept a row says that an erasure has begun, and what
there was to destroy: whoever opens the vault after a crash finishes it, and tells the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.commit import Purged
from memos.infrastructure.engine.distributed.listed_erases import DistributedErasedList
from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.stores import (
    Generation,
    Stores,
    open_generation,
)
from memos.infrastructure.engine.distributed.waiter import Waiter, ends_of
from memos.infrastructure.index.cassandra.rows import ErasedCube
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.removal import VectorCopies
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.stored import Stored
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.kernel.errors import IndexUnavailable, NotApplied, StoreUnavailable, VaultError
from memos.kernel.event import id_text
from memos.kernel.scope import tenant_of

GONE_SECONDS = 10.0
"""How long an erase waits for the worker that embeds, before it says that it is not certain."""


def erases_under_way(store: CassandraSession, vault: CassandraVault) -> int:
    """How many erases were asked for or begun, and have not come to an end."""
    begun = store.execute(f"SELECT operation_id FROM {store.settings.keyspace}.erasure_begun")
    return len({*vault.erasing(), *(operation_id for (operation_id,) in begun)})


class DistributedErasure:
    """See `engine.port.Erasure`; and what a transaction erases with. Every method may be repeated.

    Args:
        stores: the vault.
        live: its live projections.
        waiter: waits for the fold.
    """

    def __init__(self, stores: Stores, live: LiveGeneration, waiter: Waiter) -> None:
        self._stores = stores
        self._live = live
        self._waiter = waiter
        milvus = stores.settings.milvus
        self._milvus = None if milvus is None else Milvus(milvus)
        self._base = stores.settings.cassandra.keyspace
        self.listed = DistributedErasedList(stores.settings, stores.cassandra, stores.origin)

    def begin_erasure(self, operation_id: bytes, tenant: str, cube_ids: Sequence[bytes]) -> None:
        """Count what there is of cubes, before anything of it is destroyed, and keep that.

        Raises:
            IndexUnavailable, StoreUnavailable: nothing was begun.
        """
        spans = self._live().spans.count(cube_ids, tenant)
        counted = Purged(
            len(cube_ids),
            spans.docs,
            spans.spans,
            spans.postings,
            0 if self._milvus is None else VectorCopies(self._milvus).count(cube_ids),
        )
        self._stores.cassandra.execute(
            f"INSERT INTO {self._base}.erasure_begun (operation_id, counted) VALUES (?, ?)"
            " IF NOT EXISTS",
            (operation_id, json.dumps(counted)),
        )
        # Behind it: what a list names is known to the vault, or was begun behind the copy that it is.
        self.listed.add(operation_id, cube_ids)

    def purge(self, operation_id: bytes, cube_ids: Sequence[bytes]) -> Purged:
        """Destroy every copy of cubes whose Erased event is in the log; what there was of them.

        Raises:
            NotApplied: not all of them are folded as erased.
            IndexUnavailable, StoreUnavailable: copies may be left: do it again.
        """
        erased = _as_indexed(self._erased(operation_id, cube_ids))
        self._stores.cube_keys.destroy(cube_ids)
        for generation in self._generations():
            with self._unless_removed(generation):
                generation.usage.forget(cube_ids)
                generation.set_aside.forget(cube_ids)
                generation.spans.purge(erased)
        if self._milvus is not None:
            VectorCopies(self._milvus).purge(cube_ids)
        cql = f"SELECT counted FROM {self._base}.erasure_begun WHERE operation_id = ?"
        counted = self._stores.cassandra.execute(cql, (operation_id,))
        return Purged(*json.loads(counted[0][0])) if counted else Purged(0, 0, 0, 0, 0)

    def erasure_receipt(self, operation_id: bytes) -> str | None:
        """The receipt that is kept of an erasure."""
        cql = f"SELECT receipt FROM {self._base}.erasure WHERE operation_id = ?"
        kept = self._stores.cassandra.execute(cql, (operation_id,))
        return str(kept[0][0]) if kept else None

    def keep_erasure_receipt(self, operation_id: bytes, receipt: str) -> str:
        """Keep a receipt where none is kept; the one that is: of two who finish, one is first."""
        self._stores.cassandra.execute(
            f"INSERT INTO {self._base}.erasure (operation_id, receipt) VALUES (?, ?) IF NOT EXISTS",
            (operation_id, receipt),
        )
        self.listed.note_kept(operation_id)
        self._end(operation_id)
        return self.erasure_receipt(operation_id) or receipt

    def unfinished(self) -> list[bytes]:
        """The operations that were asked for, or begun, and of which there is no receipt."""
        unfinished = set(self._live.vault().erasing())
        cql = f"SELECT operation_id FROM {self._base}.erasure_begun"
        for (operation_id,) in self._stores.cassandra.execute(cql):
            if self.erasure_receipt(operation_id) is None:
                unfinished.add(operation_id)
            else:
                self._end(operation_id)  # two finished it, and the second one crashed
        return sorted(unfinished)

    def are_gone(self, cube_ids: Sequence[bytes]) -> bool:
        """Whether no key, text, vector or usage of erased cubes is left in any table, and no worker
        can bring any back. False where that is not certain, such as while a node is down.
        """
        try:
            return self._vectors_are_gone(cube_ids) and self._rows_are_gone(cube_ids)
        except (IndexUnavailable, StoreUnavailable, NotApplied):
            return False

    def is_behind_list(self) -> bool:
        return self.listed.is_behind()

    def complete_list(self) -> None:
        self.listed.complete()

    def confirm(self) -> bool:
        """Never certain from here: a node's files must be flushed, compacted and looked at."""
        return False

    def close(self) -> None:
        """Let go of Milvus."""
        if self._milvus is not None:
            self._milvus.close()

    def _end(self, operation_id: bytes) -> None:
        self._stores.cassandra.execute(
            f"DELETE FROM {self._base}.erasure_begun WHERE operation_id = ? IF EXISTS",
            (operation_id,),
        )

    def _rows_are_gone(self, cube_ids: Sequence[bytes]) -> bool:
        live = self._live.settled()
        if max(schema.generations(self._stores.cassandra)) > live.number:
            return False  # a rebuild is under way: what it has folded ends when it comes there
        erased = _as_indexed(live.vault.states_at(cube_ids))
        if not self._stores.cube_keys.are_gone(cube_ids):
            return False
        for generation in self._generations():
            with self._unless_removed(generation):
                if not (
                    generation.usage.are_gone(cube_ids)
                    and generation.set_aside.are_gone(cube_ids)
                    and generation.spans.are_gone(erased)
                ):
                    return False
        return True

    def _generations(self) -> list[Generation]:
        """The live projections, and those that they replaced: these stay for a time, and nobody folds
        into them any more.
        """
        live, store = self._live(), self._stores.cassandra
        former = (number for number in schema.generations(store) if number < live.number)
        return [live, *(open_generation(store, number) for number in former)]

    @contextmanager
    def _unless_removed(self, generation: Generation) -> Iterator[None]:
        """What is done to a generation that somebody may remove meanwhile, and with it all copies."""
        try:
            yield
        except VaultError:
            if schema.is_there(self._stores.cassandra, generation.number):
                raise

    def _vectors_are_gone(self, cube_ids: Sequence[bytes]) -> bool:
        from memos.infrastructure.engine.distributed.workers.vectors import PROJECTION as VECTORS

        vault = self._live.vault()
        embeds = self._stores.settings.embedder is not None
        if embeds or vault.checkpoints(VECTORS):
            # Whoever embeds may have had a text at hand, and takes its vectors away where it comes
            # to the Erased record.
            erased = vault.states_at(cube_ids).values()
            ends = ends_of(stored.attempt.position for stored in erased)
            Waiter(self._live.watch, GONE_SECONDS).until_passed(VECTORS, ends)
            if self._milvus is None:
                return False
        return self._milvus is None or not VectorCopies(self._milvus).count(cube_ids)

    def _erased(self, operation_id: bytes, cube_ids: Sequence[bytes]) -> Mapping[bytes, Stored]:
        """The Erased records of cubes, once all of them are folded."""
        from memos.infrastructure.engine.distributed.workers.index import is_erasure

        def all_there() -> dict[bytes, Stored] | None:
            states = self._live.vault().states_at(cube_ids)
            ended = {c: s for c, s in states.items() if is_erasure(s.attempt)}
            return ended if len(ended) == len(cube_ids) else None

        erased = self._waiter.until(all_there)
        if erased is None:
            raise NotApplied(
                f"not all of the {len(cube_ids)} cubes that operation {id_text(operation_id)} "
                "erases are folded as erased: is `memos worker fold` running?"
            )
        self._waiter.until_applied(ends_of(stored.attempt.position for stored in erased.values()))
        return erased


def _as_indexed(erased: Mapping[bytes, Stored]) -> list[ErasedCube]:
    return [
        ErasedCube(cube_id, tenant_of(stored.attempt.scope), stored.attempt.ordinal)
        for cube_id, stored in erased.items()
    ]
