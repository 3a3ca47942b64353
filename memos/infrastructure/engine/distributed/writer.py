"""Writing to a distributed vault: append to Kafka, and wait for what the workers make of it.

The log is the arbiter here as in an embedded vault, but it is another process that folds: a write
is durable once Kafka has it, and its outcome is read from Cassandra when the fold has come to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import TypeVar

from memos.infrastructure.batches import batched
from memos.infrastructure.coalesced import Coalesced
from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.distributed.erasure import DistributedErasure
from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.outcomes import Outcomes, foreseen
from memos.infrastructure.engine.distributed.reader import DistributedReaders
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.transaction import DistributedTransaction
from memos.infrastructure.engine.distributed.waiter import Waiter, ends_of
from memos.infrastructure.engine.erased_sources import check_sources, source_ids
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.query_texts.cassandra import CassandraQueryTexts
from memos.infrastructure.keys.cassandra.cube_keys import NewKey, is_derived
from memos.infrastructure.keys.cassandra.subject_rows import Subject
from memos.infrastructure.log.kafka.settings import event_key
from memos.kernel.consequences import consequences_of
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import (
    LogUnavailable,
    MemosError,
    NotApplied,
    OtherContent,
    StoreUnavailable,
    SubjectErased,
    WrongRootKey,
)
from memos.kernel.event import Kind, Position, Record, id_text
from memos.kernel.outcome import Result
from memos.wire.access_pb2 import AccessEvent

MOST_SHARED = 32
"""New memories of a command whose keys are kept together with those of others: nobody waits for the
many of a bulk load.
"""

PART = 1_000
"""Records that a command appends at once."""
PART_SECONDS = 5.0

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
        self._keep_new_together = Coalesced(self._keep_new, (StoreUnavailable,))
        self._are_kept_together = Coalesced(self._are_kept, (StoreUnavailable,))
        self._transaction = DistributedTransaction(
            stores, live, readers, erasure, waiter, queries, self.commit
        )

    def commit(self, drafts: Iterable[Draft]) -> list[Committed]:
        ready = list(drafts)
        if not ready:
            return []
        self._stores.binding.check()
        self._check_sources(ready)
        new = [
            NewKey(d.event.cube_id, d.event.tenant, tuple(d.event.subject_digests), d.cube_key)
            for d in ready
            if d.cube_key is not None
        ]
        subject_keys = self._keep_keys(new)
        records = self._append(ready)
        try:
            return self._applied(ready, records, subject_keys)
        except (NotApplied, StoreUnavailable, WrongRootKey) as error:
            raise _with_what_is_durable(error, ready, records) from error

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
        self._stores.binding.check()
        return work(self._transaction)

    def wait_for(self, position: Position, seconds: float) -> None:
        ends = ends_of([position])
        with suppress(NotApplied):
            Waiter(self._live.watch, 0).until_applied(ends)
            return
        # Whatever was acknowledged lies before the log's end: what does not never comes.
        end = self._stores.logs.events.end()
        if position.offset >= end.get(position.partition, 0):
            raise NotApplied(
                f"the log of {self._stores.name} ends before {position}: the token is of another "
                "vault"
            )
        Waiter(self._live.watch, seconds).until_applied(ends)

    def append_accesses(self, accesses: Sequence[AccessEvent]) -> None:
        self._stores.logs.access.append(
            [
                (event_key(access.tenant, access.event_id), access.SerializeToString())
                for access in accesses
            ]
        )

    def _append(self, drafts: Sequence[Draft]) -> list[Record]:
        """Append drafts. Where the caller waits for the workers many of them go in parts: what others
        write meanwhile comes between, and waits for two parts at most.

        Raises:
            NotApplied: a part was appended, and the next was not.
        """
        records: list[Record] = []
        ends: list[dict[int, int]] = []
        is_paced = not self._durable
        for part in batched(drafts, PART if is_paced else len(drafts)):
            if is_paced and len(ends) > 1:
                is_paced = self._is_applied_soon(ends[-2])
            try:
                appended = self._stores.logs.events.append([_entry(draft) for draft in part])
            except LogUnavailable as error:
                if not records:
                    raise
                raise _with_what_is_missing(error, drafts, records) from error
            records += appended
            ends.append(ends_of(record.position for record in appended))
        return records

    def _is_applied_soon(self, ends: Mapping[int, int]) -> bool:
        """Wait for the workers; not for long, since what is left to append is to be durable."""
        try:
            Waiter(self._live.watch, PART_SECONDS).until_applied(ends)
        except (NotApplied, StoreUnavailable):
            return False
        return True

    def _applied(
        self,
        drafts: Sequence[Draft],
        records: Sequence[Record],
        subject_keys: Mapping[Subject, bytes],
    ) -> list[Committed]:
        """What became of what was appended, once it can be read."""
        if subject_keys and not self._are_kept_together([subject_keys]):
            self._check_opened(drafts)
        events = [draft.event for draft in drafts]
        are_new = all(draft.is_new for draft in drafts)
        if not (are_new and self._durable):
            self._waiter.until_applied(ends_of(record.position for record in records))
            if not are_new or any(map(consequences_of, events)):
                return self._outcomes.at(events, records)
        return [foreseen(event, at) for event, at in zip(events, records, strict=True)]

    def _check_sources(self, drafts: Sequence[Draft]) -> None:
        """Refuse what names an erased source. One that is erased between this and the append is
        found by the fold (see `workers/late_derivations.py`).
        """
        named = {raw for draft in drafts for raw in source_ids(draft.event)}
        if named:
            heads = self._live.vault().heads_many(sorted(named))
            for draft in drafts:
                check_sources(draft.event, heads.get)

    def _check_opened(self, drafts: Sequence[Draft]) -> None:
        """Say of which new cubes the subject was erased between their keys and their events.

        Raises:
            SubjectErased: some are in the log, and nobody can open them.
        """
        new = [draft.event.cube_id for draft in drafts if draft.cube_key is not None]
        cube_keys = self._stores.cube_keys
        lost = {*cube_keys.unopened(new), *cube_keys.without_keys(new)}
        if lost:
            named = tuple(map(id_text, sorted(lost)))
            stays = len(drafts) - len(lost)
            rest = f"; the other {stays} of the same command are written" if stays else ""
            raise SubjectErased(
                f"the subject of {', '.join(named)} was erased while it was written, and its text went along: "
                f"add it again, without the idempotency key that it had{rest}",
                named,
            )

    def _keep_keys(self, new: Sequence[NewKey]) -> Mapping[Subject, bytes]:
        """Keep the keys of new cubes before the log has their first event; those of their subjects.

        Raises:
            OtherContent: another writer under the same idempotency key was first with its cube.
        """
        cube_keys = self._stores.cube_keys
        by_chance = [key for key in new if not is_derived(key.cube_id)]
        derived = [key for key in new if is_derived(key.cube_id)]
        if len(by_chance) > MOST_SHARED:
            subject_keys = self._keep_new(by_chance)
        else:
            subject_keys = self._keep_new_together(by_chance) if by_chance else {}
        if derived:
            theirs = cube_keys.subject_keys(derived)
            subject_keys = {**subject_keys, **theirs}
            self._keep_keyed(derived, theirs)
        named = {(key.tenant, subject) for key in new for subject in key.subjects}
        return {subject: subject_keys[subject] for subject in named}

    def _keep_new(self, new: Sequence[NewKey]) -> Mapping[Subject, bytes]:
        """Keep the keys of cubes whose ids were made by chance; those of their subjects."""
        subject_keys = self._stores.cube_keys.subject_keys(new)
        self._stores.cube_keys.add_new(new, subject_keys)
        return subject_keys

    def _keep_keyed(self, derived: Sequence[NewKey], subject_keys: Mapping[Subject, bytes]) -> None:
        """Keep the keys of cubes whose ids come from an idempotency key."""
        kept = self._stores.cube_keys.add_keyed(derived, subject_keys)
        self._drop_destroyed([new.cube_id for new in derived])
        for ours, key in zip(derived, kept, strict=True):
            if key != ours.key:
                raise OtherContent(
                    f"cube {id_text(ours.cube_id)} is being written under the same idempotency "
                    "key: try again"
                )

    def _are_kept(self, asked: Sequence[Mapping[Subject, bytes]]) -> bool:
        """Whether the keys that several callers wrapped under are still those of their subjects."""
        keys: dict[Subject, bytes] = {}
        for subject_keys in asked:
            for subject, key in subject_keys.items():
                if keys.setdefault(subject, key) != key:
                    return False
        return self._stores.keys.erase_marks.are_kept(keys)

    def _drop_destroyed(self, cube_ids: Sequence[bytes]) -> None:
        """Take back the keys of cubes that were erased since their command was begun: whoever erased
        them has destroyed the keys already, or sees these ones.
        """
        heads = self._live.vault().heads_many(cube_ids)
        erased = [c for c, head in heads.items() if head.lifecycle is Lifecycle.ERASED]
        if erased:
            self._stores.cube_keys.destroy(erased)


def _with_what_is_durable(
    error: MemosError, drafts: Sequence[Draft], records: Sequence[Record]
) -> NotApplied:
    """The error of a write that the log has taken: whoever repeats it does it twice."""
    cube_ids = tuple(dict.fromkeys(id_text(draft.event.cube_id) for draft in drafts))
    positions = tuple(str(record.position) for record in records)
    if isinstance(error, NotApplied):
        return NotApplied(str(error), cube_ids, positions)
    return NotApplied(
        f"what was appended is durable, at {', '.join(positions[:3])}"
        f"{', …' if len(positions) > 3 else ''}, and cannot be read yet: {error}. It needs no retry: "
        "wait for it with `wait_for`",
        cube_ids,
        positions,
    )


def _entry(draft: Draft) -> tuple[bytes, bytes]:
    """The key and the bytes under which an event goes to the log."""
    event = draft.event
    return event_key(event.tenant, event.cube_id), event.SerializeToString()


def _with_what_is_missing(
    error: MemosError, drafts: Sequence[Draft], records: Sequence[Record]
) -> NotApplied:
    """The error of a command of which the log has taken a first part alone."""
    there = len(records)
    return NotApplied(
        f"the first {there} of {len(drafts)} events are durable, the others are not known to be: "
        f"{error}. Under an idempotency key the same command can be run again; without one, run it "
        "again with what is missing alone",
        tuple(dict.fromkeys(id_text(draft.event.cube_id) for draft in drafts[:there])),
        tuple(str(record.position) for record in records),
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
