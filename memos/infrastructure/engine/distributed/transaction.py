"""Several appends to a distributed vault that belong together, each done by itself.

No append spans partitions: a crash between two leaves the first, and the events that follow are
written by whoever resumes the operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar
from uuid import uuid4

from memos.infrastructure.engine.appender import ListedErases
from memos.infrastructure.engine.commit import Committed, Draft, Purged
from memos.infrastructure.engine.distributed.erasure import DistributedErasure
from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.reader import DistributedReader, DistributedReaders
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.waiter import Waiter
from memos.infrastructure.engine.owed import OWED_ERASES, OwedErase, owed_to_text
from memos.infrastructure.governance.query_texts.cassandra import CassandraQueryTexts
from memos.kernel.cube import CubeState
from memos.kernel.event import Position

T = TypeVar("T")

Commit = Callable[[Iterable[Draft]], list[Committed]]
"""Appends drafts and waits for what becomes of them."""


class DistributedTransaction:
    """See `engine.port.Transaction`."""

    def __init__(
        self,
        stores: Stores,
        live: LiveGeneration,
        readers: DistributedReaders,
        erasure: DistributedErasure,
        waiter: Waiter,
        queries: CassandraQueryTexts,
        commit: Commit,
    ) -> None:
        self._stores = stores
        self._live = live
        self._readers = readers
        self._erasure = erasure
        self._waiter = waiter
        self._queries = queries
        self._commit = commit

    def append(self, draft: Draft) -> Committed:
        """Append one event and wait until it, and all that follows from it, is folded."""
        (committed,) = self._commit([draft])
        return committed

    def head(self, cube_id: bytes) -> CubeState | None:
        return self._live.vault().head(cube_id)

    def heads(self, cube_ids: Iterable[bytes]) -> list[CubeState]:
        wanted = list(cube_ids)
        found = self._live.vault().heads_many(wanted)
        return [found[cube_id] for cube_id in wanted if cube_id in found]

    def reader(self) -> DistributedReader:
        return self._readers.open()

    def read_end(self) -> list[Position]:
        end = self._stores.logs.events.end()
        self._waiter.until_applied(end)
        return [Position(partition, size) for partition, size in sorted(end.items())]

    def keep_owed(self, owed: Iterable[OwedErase]) -> None:
        self._stores.keep_setting(OWED_ERASES, owed_to_text(owed))

    def name_cut(self, draft: Draft) -> Committed:
        for partition, size in self.read_end():
            draft.event.cut_named.positions.add(partition=partition, offset=size)
        return self.append(draft)

    def begin_erasure(self, operation_id: bytes, tenant: str, cube_ids: Sequence[bytes]) -> None:
        self._erasure.begin_erasure(operation_id, tenant, cube_ids)

    def destroy_subject_keys(
        self, operation_id: bytes, tenant: str, unneeded: Callable[[DistributedReader], set[bytes]]
    ) -> set[bytes]:
        """Every writer looks at the keys again behind its append, and takes their marks away (see
        `CassandraEraseMarks.are_kept`): a key that still bears its mark is needed by nothing that
        could have been appended behind the end of the log that is read here.
        """
        marks = self._stores.keys.erase_marks
        destroyed: set[bytes] = set()
        left = unneeded(self.reader())
        while left:
            mark = uuid4().bytes
            marked = marks.mark(tenant, left, mark)
            self.read_end()
            still = marked & unneeded(self.reader())
            marks.unmark(tenant, marked - still, mark)
            self._erasure.listed.add(operation_id, subjects=still | (left - marked))
            gone = marks.destroy_marked(tenant, still, mark)
            destroyed |= gone | (left - marked)
            left = still - gone
        return destroyed

    def purge(self, operation_id: bytes, cube_ids: Sequence[bytes]) -> Purged:
        return self._erasure.purge(operation_id, cube_ids)

    def forget_queries(self, cube_ids: Sequence[bytes], scope: str, erased: int) -> None:
        self._queries.forget(cube_ids, scope, erased)

    def erasure_receipt(self, operation_id: bytes) -> str | None:
        return self._erasure.erasure_receipt(operation_id)

    def keep_erasure_receipt(self, operation_id: bytes, receipt: str) -> str:
        return self._erasure.keep_erasure_receipt(operation_id, receipt)

    def take_listed_erases(self, erase: Callable[[ListedErases], T]) -> T:
        return self._erasure.listed.take(erase)
