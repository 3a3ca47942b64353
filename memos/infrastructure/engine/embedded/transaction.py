"""The write transaction of an embedded vault: append, fold, project, all durable together.

The life of a write ends here: the log appends the event, the fold decides what it means, and the
projections change in the same SQLite transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from memos.infrastructure.engine.appender import ListedErases
from memos.infrastructure.engine.commit import Committed, Draft, Purged
from memos.infrastructure.engine.embedded.erasure import erasure_receipt, keep_erasure_receipt
from memos.infrastructure.engine.embedded.keyed_events import accepted_before
from memos.infrastructure.engine.embedded.listed_erases import keep_mark, take_list
from memos.infrastructure.engine.embedded.projector import Projector
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.erased_sources import check_sources
from memos.infrastructure.engine.owed import OWED_ERASES, OwedErase, owed_to_text
from memos.infrastructure.governance.query_texts.sqlite import forget_queries
from memos.infrastructure.governance.usage.sqlite import forget_usage
from memos.infrastructure.keys.erased_list import Erased
from memos.infrastructure.keys.sqlite.key_mark import seal_settings
from memos.infrastructure.log.sqlite import PARTITION
from memos.infrastructure.vault.sqlite.reader import SqliteVault
from memos.kernel.cube import CubeState
from memos.kernel.errors import VaultError
from memos.kernel.event import Position
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.outcome import Result
from memos.wire.event_pb2 import Event

REPLAY_FLUSH = 2000

T = TypeVar("T")


class EmbeddedTransaction:
    """See `engine.port.Transaction`. One object for all transactions of a vault, since SQLite has
    one writer at a time; everything here belongs inside `Database.write`.
    """

    def __init__(self, stores: EmbeddedStores, projector: Projector) -> None:
        self._stores = stores
        self._log = stores.log
        self._cube_keys = stores.cube_keys
        self._connection = stores.database.writer
        self._projector = projector
        self._states: dict[bytes, CubeState | None] = {}
        self._subjects: set[bytes] = set()
        self._listed_from: int | None = None
        self._keyed = KeyedFold(partial(accepted_before, self._connection))
        stores.database.on_begin = self._begin
        stores.database.before_commit = self._before_commit
        stores.database.on_rollback = self._on_rollback

    def append(self, draft: Draft) -> Committed:
        event = draft.event
        if event.edges:
            check_sources(event, self.head)
        before = None if draft.is_new else self.head(event.cube_id)
        after, outcome, consequences = self._keyed.fold(before, event)
        position = Position(PARTITION, self._log.add(event.SerializeToString()))
        if draft.cube_key is not None and before is None and outcome.result is Result.ACCEPTED:
            self._cube_keys.add(event.cube_id, event.tenant, event.subject_digests, draft.cube_key)
        log_time = self._log.log_time
        self._projector.project(position, log_time, event, before, after, outcome, draft.body)
        self._states[event.cube_id] = after
        followed = tuple(self.append(Draft(follower)) for follower in consequences)
        return Committed(event, position, log_time, outcome, after, followed)

    def replay(self, data: bytes, event: Event, log_time: int, cube_key: bytes | None) -> Committed:
        """Append one record of another log, byte for byte.

        What followed from it is not appended: it stands in that log as records of its own.
        """
        before = self.head(event.cube_id)
        after, outcome, _ = self._keyed.fold(before, event)
        position = Position(PARTITION, self._log.add(data, log_time))
        if cube_key is not None and before is None and outcome.result is Result.ACCEPTED:
            self._cube_keys.add(event.cube_id, event.tenant, event.subject_digests, cube_key)
        self._projector.project(position, log_time, event, before, after, outcome)
        self._states[event.cube_id] = after
        if not self._log.size % REPLAY_FLUSH:
            self.flush()
            self._states.clear()
            self._keyed.forget()
        return Committed(event, position, log_time, outcome, after)

    def head(self, cube_id: bytes) -> CubeState | None:
        try:
            return self._states[cube_id]
        except KeyError:
            state = SqliteVault(self._connection).head(cube_id)
            self._states[cube_id] = state
            return state

    def heads(self, cube_ids: Iterable[bytes]) -> list[CubeState]:
        return [head for head in map(self.head, cube_ids) if head is not None]

    def reader(self) -> EmbeddedReader:
        return self._stores.settled()

    def read_end(self) -> list[Position]:
        return [Position(PARTITION, self._log.size)]

    def keep_owed(self, owed: Iterable[OwedErase]) -> None:
        sql = "INSERT OR REPLACE INTO setting VALUES (?, ?)"
        self._connection.execute(sql, (OWED_ERASES, owed_to_text(owed)))
        seal_settings(self._connection, self._stores.keys)

    def name_cut(self, draft: Draft) -> Committed:
        draft.event.cut_named.positions.add(partition=PARTITION, offset=self._log.size)
        return self.append(draft)

    def begin_erasure(self, operation_id: bytes, tenant: str, cube_ids: Sequence[bytes]) -> None:
        """One transaction destroys, counts and keeps the receipt."""

    def destroy_subject_keys(
        self, operation_id: bytes, tenant: str, unneeded: Callable[[EmbeddedReader], set[bytes]]
    ) -> set[bytes]:
        subjects = unneeded(self.reader())
        # Were the process killed now, the request is resumed; and no new memory can be sealed under
        # these keys, since writers wait for this transaction.
        self._stores.keys.destroy(tenant, subjects)
        self._subjects |= subjects
        return subjects

    def purge(self, operation_id: bytes, cube_ids: Sequence[bytes]) -> Purged:
        forget_usage(self._connection, cube_ids)
        self.flush()
        return self._projector.purged

    def forget_queries(self, cube_ids: Sequence[bytes], scope: str, erased: int) -> None:
        forget_queries(self._connection, cube_ids, scope, erased)

    def erasure_receipt(self, operation_id: bytes) -> str | None:
        return erasure_receipt(self._connection, operation_id)

    def keep_erasure_receipt(self, operation_id: bytes, receipt: str) -> str:
        return keep_erasure_receipt(self._connection, operation_id, receipt)

    def take_listed_erases(self, erase: Callable[[ListedErases], T]) -> T:
        return erase(take_list(self._stores))

    def flush(self) -> None:
        """Write everything collected."""
        self._log.flush()
        self._cube_keys.flush()
        self._projector.flush(self._log.size)

    def _before_commit(self) -> None:
        self.flush()
        destroyed = self._cube_keys.destroyed
        if destroyed or self._subjects:
            # Listed before it is done: what is listed is done in the end.
            time, subjects = self._log.log_time, tuple(sorted(self._subjects))
            erased = Erased(self._stores.origin, time, tuple(destroyed), subjects)
            self._listed_from = self._stores.erased.size()
            keep_mark(self._connection, self._stores.erased.append([erased]))

    def _on_rollback(self) -> None:
        self._stores.cube_keys.forget()
        if self._listed_from is not None:
            size, self._listed_from = self._listed_from, None
            # Where that fails, too, the list names what an erase that goes on takes all the same.
            with suppress(VaultError):
                self._stores.erased.truncate(size)

    def _begin(self) -> None:
        self._states = {}
        self._subjects, self._listed_from = set(), None
        self._keyed.forget()
        self._log.begin()
        self._cube_keys.begin()
        self._projector.begin()
