"""Writing to a distributed vault: append to Kafka, and wait for what the workers make of it.

The log is the arbiter here as in an embedded vault, but it is another process that folds: a write
is durable once Kafka has it, and its outcome is read from Cassandra when the fold has come to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import TypeVar

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.distributed.erasure import DistributedErasure
from memos.infrastructure.engine.distributed.outcomes import Outcomes, foreseen
from memos.infrastructure.engine.distributed.reader import DistributedReaders
from memos.infrastructure.engine.distributed.stores import LiveGeneration, Stores
from memos.infrastructure.engine.distributed.transaction import DistributedTransaction
from memos.infrastructure.engine.distributed.waiter import Waiter, ends_of
from memos.infrastructure.engine.erased_sources import check_sources, source_ids
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.query_texts.cassandra import CassandraQueryTexts
from memos.infrastructure.keys.cassandra.cube_keys import NewKey, is_derived
from memos.infrastructure.log.kafka.settings import event_key
from memos.kernel.errors import MemosError, NotApplied, OtherContent
from memos.kernel.event import Kind, Position, id_text
from memos.kernel.outcome import Result
from memos.wire.access_pb2 import AccessEvent

TURNS = 256
"""Locks that the cubes for which threads compose share."""

T = TypeVar("T")


class DistributedWriter:
    """See `engine.port.Writer`. Safe for threads; any number of processes may write.

    Args:
        stores: the vault.
        live: its live projections.
        readers: reads them.
        erasure: destroys and counts what is erased.
        waiter: waits for the workers.
        queries: the texts of queries.
        durable: return from an add of new cubes as soon as it is durable, without waiting until
            it is readable.
    """

    def __init__(
        self,
        stores: Stores,
        live: LiveGeneration,
        readers: DistributedReaders,
        erasure: DistributedErasure,
        waiter: Waiter,
        queries: CassandraQueryTexts,
        *,
        durable: bool,
    ) -> None:
        self._stores = stores
        self._live = live
        self._waiter = waiter
        self._durable = durable
        self._turns = [Lock() for _ in range(TURNS)]
        self._outcomes = Outcomes(live.vault, waiter)
        self._transaction = DistributedTransaction(
            stores, live, readers, erasure, waiter, queries, self.commit
        )

    def commit(self, drafts: Iterable[Draft]) -> list[Committed]:
        ready = list(drafts)
        if not ready:
            return []
        self._check_sources(ready)
        subjects = self._subject_keys(ready, create=True)
        self._keep_keys(ready)
        records = self._stores.logs.events.append(
            [
                (
                    event_key(draft.event.tenant, draft.event.cube_id),
                    draft.event.SerializeToString(),
                )
                for draft in ready
            ]
        )
        if self._subject_keys(ready, create=False) != subjects:
            self._check_opened(ready)
        if self._durable and all(draft.is_new for draft in ready):
            return [foreseen(draft.event, at) for draft, at in zip(ready, records, strict=True)]
        events = [draft.event for draft in ready]
        self._waiter.until_applied(ends_of(record.position for record in records))
        return self._outcomes.at(events, records)

    def compose(self, cube_id: bytes, make: Callable[[Reader], Draft]) -> Committed:
        with self._turns[hash(cube_id) % len(self._turns)]:
            (committed,) = self.commit([make(self._transaction.reader())])
        return committed

    def commit_whole(
        self, drafts: Iterable[Draft], check: Callable[[Committed], None]
    ) -> list[Committed]:
        commits = self.commit(drafts)
        for committed in commits:
            try:
                check(committed)
            except MemosError as error:
                raise _with_what_stays(error, commits) from error.__cause__
        return commits

    def transact(self, work: Callable[[DistributedTransaction], T]) -> T:
        return work(self._transaction)

    def wait_for(self, position: Position, seconds: float) -> None:
        Waiter(self._live.vault, seconds).until_applied(ends_of([position]))

    def append_accesses(self, accesses: Sequence[AccessEvent]) -> None:
        self._stores.logs.access.append(
            [
                (event_key(access.tenant, access.event_id), access.SerializeToString())
                for access in accesses
            ]
        )

    def _check_sources(self, drafts: Sequence[Draft]) -> None:
        """Refuse what names an erased source. One that is erased between this and the append is
        found by the fold (see `workers/late_derivations.py`).
        """
        named = {raw for draft in drafts for raw in source_ids(draft.event)}
        if named:
            heads = self._live.vault().heads_many(sorted(named))
            for draft in drafts:
                check_sources(draft.event, heads.get)

    def _subject_keys(
        self, drafts: Sequence[Draft], *, create: bool
    ) -> dict[tuple[str, bytes], bytes]:
        """The keys, as they are now, of the subjects of new cubes."""
        named = {
            (draft.event.tenant, subject)
            for draft in drafts
            if draft.cube_key is not None
            for subject in draft.event.subject_digests
        }
        keys = self._stores.keys
        return keys.subject_keys(named, create=create, fresh=True) if named else {}

    def _check_opened(self, drafts: Sequence[Draft]) -> None:
        """Say of which new cubes the subject was erased between their keys and their events.

        Raises:
            NotApplied: some are in the log, and nobody can open them.
        """
        new = [draft.event.cube_id for draft in drafts if draft.cube_key is not None]
        cube_keys = self._stores.cube_keys
        lost = {*cube_keys.unopened(new), *cube_keys.without_keys(new)}
        if lost:
            named = ", ".join(map(id_text, sorted(lost)))
            stays = len(drafts) - len(lost)
            rest = f"; the other {stays} of the same command are written" if stays else ""
            raise NotApplied(
                f"the subject of {named} was erased while it was written, and its text went along: "
                f"add it again, without the idempotency key that it had{rest}"
            )

    def _keep_keys(self, drafts: Sequence[Draft]) -> None:
        """Keep the keys of new cubes before the log has their first event.

        Raises:
            OtherContent: another writer under the same idempotency key was first with its cube.
        """
        new = [
            NewKey(d.event.cube_id, d.event.tenant, tuple(d.event.subject_digests), d.cube_key)
            for d in drafts
            if d.cube_key is not None
        ]
        cube_keys = self._stores.cube_keys
        cube_keys.add_new(key for key in new if not is_derived(key.cube_id))
        derived = [key for key in new if is_derived(key.cube_id)]
        kept = cube_keys.add_keyed(derived) if derived else []
        for ours, key in zip(derived, kept, strict=True):
            if key != ours.key:
                raise OtherContent(
                    f"cube {id_text(ours.cube_id)} is being written under the same idempotency "
                    "key: try again"
                )


def _with_what_stays(error: MemosError, commits: Sequence[Committed]) -> MemosError:
    """The error of a command of which a part was refused: the log keeps what was accepted."""
    stays = [
        f"{Kind(committed.event.kind).title} on {id_text(committed.event.cube_id)}"
        for committed in commits
        if committed.outcome.result is Result.ACCEPTED
    ]
    if stays:
        error.args = (f"{error}; of the same command this was done, and stays: {', '.join(stays)}",)
    return error
