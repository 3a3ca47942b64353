"""Writing to an embedded vault: drafts in one durable transaction, shared with whoever waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.embedded.transaction import EmbeddedTransaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.usage.sqlite import fold_accesses
from memos.kernel.errors import NotApplied
from memos.kernel.event import Position
from memos.wire.access_pb2 import AccessEvent

T = TypeVar("T")


class EmbeddedWriter:
    """See `engine.port.Writer`. Safe for threads and processes."""

    def __init__(self, stores: EmbeddedStores, transaction: EmbeddedTransaction) -> None:
        self._stores = stores
        self._database = stores.database
        self._transaction = transaction

    def commit(self, drafts: Iterable[Draft]) -> list[Committed]:
        ready = list(drafts)
        append = self._transaction.append
        return self._database.write(lambda: [append(draft) for draft in ready])

    def compose(self, cube_id: bytes, make: Callable[[Reader], Draft]) -> Committed:
        transaction = self._transaction
        return self._database.write(lambda: transaction.append(make(transaction.reader())))

    def commit_whole(
        self, drafts: Iterable[Draft], check: Callable[[Committed], None]
    ) -> list[Committed]:
        ready = list(drafts)

        def work() -> list[Committed]:
            commits = [self._transaction.append(draft) for draft in ready]
            for committed in commits:
                check(committed)  # raising undoes the transaction
            return commits

        return self._database.write(work)

    def transact(self, work: Callable[[EmbeddedTransaction], T]) -> T:
        return self._database.transact(lambda: work(self._transaction))

    def wait_for(self, position: Position, seconds: float) -> None:
        with self._stores.read() as reader:
            if reader.moment_of(position) is None:
                raise NotApplied(
                    f"the log of {self._stores.name} ends before {position}: the token is of "
                    "another vault"
                )

    def append_accesses(self, accesses: Sequence[AccessEvent]) -> None:
        log, writer = self._stores.log, self._database.writer
        self._database.write(lambda: fold_accesses(writer, log.log_time, accesses))
