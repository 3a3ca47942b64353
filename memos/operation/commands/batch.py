"""One change of several memories: planned, and done on all of them or none where the engine can.

What refuses is found before anything is written, by the fold itself. Each memory's change is bound to the
version that it was made of; where another writer comes between, it is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.errors import (
    Conflict,
    Held,
    IllegalMove,
    MemosError,
    NotApplied,
    NotFound,
    PartlyDone,
)
from memos.kernel.event import id_text
from memos.kernel.fold import fold
from memos.kernel.outcome import Reason, Result
from memos.operation.commands.change import COMPOSE_TRIES, NothingChanges, pause_before_retry
from memos.operation.commands.chosen import PlannedMemory, chosen
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, Rejection, raise_rejected, reason_text, receipt_of
from memos.operation.search.selection import Selection
from memos.operation.session import Session, live_state
from memos.operation.validation import check_flag
from memos.operation.wording import doing

MOST_NAMED = 5

Make = Callable[[Reader, CubeState], Draft]


class BatchChange(NamedTuple):
    """A change that several memories are to take.

    Attributes:
        operation: what it is called.
        states: the states in which a memory of a scope is meant.
        make: makes it of a memory's state, on a passage; it has no effect, and may be made again.
        called: what it is called where that is not what the right is asked for.
    """

    operation: str
    states: Collection[Lifecycle]
    make: Callable[[Passage], Make]
    called: str = ""

    @property
    def verb(self) -> str:
        """What it does, for a reader."""
        return doing(self.called or self.operation, "")


@dataclass(frozen=True, slots=True)
class Batch:
    """A change of several memories, planned (`dry_run`) or done.

    `memories` are those that it is for, as they were before it. `receipts` are theirs, in the same order;
    none of a plan. `rejected` are those of a plan that would refuse: then the batch does nothing. A
    rollback of `operation_id` undoes all of it. `not_compared` tells of memories that were passed over
    because their values are of another kind than the filter's, a sentence a field. `unchanged` counts
    those that were as asked for already: they are no part of it, and nothing is written for them.
    """

    operation: str
    memories: tuple[PlannedMemory, ...]
    receipts: tuple[Receipt, ...]
    rejected: tuple[Rejection, ...]
    operation_id: str
    dry_run: bool
    not_compared: tuple[str, ...] = ()
    unchanged: int = 0


def change_several(
    session: Session, selection: Selection, change: BatchChange, *, dry_run: bool
) -> Batch:
    """Change every memory of a selection.

    Raises:
        NotFound: there is none, or one that is named is not there.
        Denied, Held, IllegalMove: one may not or cannot be changed; nothing was.
        PartlyDone: on servers, where another writer came between.
    """
    check_flag(dry_run, "dry_run")
    selection.check_bounded()
    with session.gate.enter(change.operation) as passage:
        make = change.make(passage)
        with session.engine.read() as reader:
            selected = chosen(passage, reader, selection, change.states)
            states = [one.state for one in selected]
            passage.require_each(Action.WRITE, states)
            drafted = _drafted(reader, states, make, b"")
        if not selected:
            raise NotFound(f"nothing to {change.verb}: no memory matches {selection}")
        ids = [state.cube_id for state in states if state.cube_id not in drafted.unchanged]
        told = {one.state.cube_id: one.told for one in selected}

        def batch_of(changing: Iterable[bytes]) -> Batch:
            memories = tuple(told[raw] for raw in changing)
            return Batch(
                change.verb,
                memories,
                (),
                tuple(drafted.refused),
                "",
                dry_run,
                selection.accepts.not_compared,
                len(selected) - len(memories),
            )

        if dry_run or not ids:
            return batch_of(ids)
        operation_id = session.new_id()
        receipts = _Writing(session, passage, change.verb, make, operation_id).run(ids)
        return replace(
            batch_of(receipts),
            receipts=tuple(receipts.values()),
            operation_id=id_text(operation_id) if receipts else "",
        )


class _Drafted(NamedTuple):
    """What is to be appended, what would refuse it, and what is so already."""

    drafts: Sequence[Draft]
    refused: Sequence[Rejection]
    unchanged: Collection[bytes]
    is_held: bool


def _drafted(
    reader: Reader, states: Iterable[CubeState], make: Make, operation_id: bytes
) -> _Drafted:
    """The change of each memory as it is now, and what the fold would say of it."""
    drafts: list[Draft] = []
    refused: list[Rejection] = []
    unchanged: set[bytes] = set()
    is_held = False
    for state in states:
        try:
            draft = make(reader, state)
        except NothingChanges:
            unchanged.add(state.cube_id)
            continue
        except IllegalMove as error:
            refused.append(Rejection(id_text(state.cube_id), str(error)))
            continue
        draft.event.expected_version = state.version
        draft.event.operation_id = operation_id or draft.event.operation_id
        _, outcome, _ = fold(state, draft.event)
        if outcome.result is Result.REJECTED:
            is_held |= outcome.reason is Reason.FROZEN
            refused.append(Rejection(id_text(state.cube_id), reason_text(outcome.reason)))
        drafts.append(draft)
    return _Drafted(drafts, refused, unchanged, is_held)


class _Writing:
    """The writing of one batch; `done` is what is done of it, which on servers stays.

    Args:
        session: the open vault.
        passage: where the right is asked on the state that each change is made of.
        verb: what it does.
        make: makes a memory's change.
        operation_id: which all of them are part of.
    """

    def __init__(
        self, session: Session, passage: Passage, verb: str, make: Make, operation_id: bytes
    ) -> None:
        self._session = session
        self._passage = passage
        self._verb = verb
        self._make = make
        self._operation_id = operation_id
        self._done: dict[bytes, Committed] = {}
        self._unchanged: set[bytes] = set()  # another writer made them so

    def run(self, cube_ids: Sequence[bytes]) -> dict[bytes, Receipt]:
        """Write; the receipts of what was written, in the order of the memories."""
        for tries in range(COMPOSE_TRIES):
            pending = [
                raw for raw in cube_ids if raw not in self._done and raw not in self._unchanged
            ]
            try:
                drafts = self._draft(pending)
                self._write(drafts)
            except NotApplied:
                raise  # it says itself what is durable
            except Conflict:
                pause_before_retry(tries)
            except MemosError as error:
                raise self._told(error, cube_ids) from error
            else:
                return {
                    raw: receipt_of(self._session.engine, self._done[raw])
                    for raw in cube_ids
                    if raw in self._done
                }
        lost = Conflict(
            f"others changed these memories {COMPOSE_TRIES} times while their change was composed: try "
            "again",
            0,
        )
        raise self._told(lost, cube_ids)

    def _draft(self, pending: Sequence[bytes]) -> Sequence[Draft]:
        with self._session.engine.read() as reader:
            states = [live_state(self._passage, reader, raw) for raw in pending]
            self._passage.require_each(Action.WRITE, states)
            drafted = _drafted(reader, states, self._make, self._operation_id)
        self._unchanged |= set(drafted.unchanged)
        if drafted.refused:
            raise _refusal(self._verb, drafted, len(pending), is_first=not self._done)
        return drafted.drafts

    def _write(self, drafts: Sequence[Draft]) -> None:
        """Append; where that is stopped by a rejection, learn what of it is there all the same."""
        try:
            commits = self._session.engine.writer.commit_whole(drafts, raise_rejected)
        except (Conflict, IllegalMove):
            self._learn(drafts)
            raise Conflict("a memory changed before its turn", 0) from None
        self._done |= {committed.event.cube_id: committed for committed in commits}

    def _learn(self, drafts: Iterable[Draft]) -> None:
        with self._session.engine.read() as reader:
            for draft in drafts:
                event = draft.event
                attempt = reader.vault.by_event(event.event_id, event.cube_id)
                if attempt is not None and attempt.outcome.result is Result.ACCEPTED:
                    self._done[event.cube_id] = Committed(
                        event, attempt.position, attempt.log_time, attempt.outcome, attempt.state
                    )

    def _told(self, error: MemosError, cube_ids: Sequence[bytes]) -> MemosError:
        """The error, and what is done all the same, where anything is."""
        if not self._done:
            return error
        done = tuple(id_text(raw) for raw in cube_ids if raw in self._done)
        left = tuple(
            id_text(raw) for raw in cube_ids if raw not in self._done and raw not in self._unchanged
        )
        return PartlyDone(
            f"{len(done)} of {len(cube_ids)} memories are changed, and that stays (a rollback of operation "
            f"{id_text(self._operation_id)} undoes it): {', '.join(done)}. These are as they were: "
            f"{', '.join(left)}. It was stopped by {type(error).__name__}: {error}",
            done,
            left,
            id_text(self._operation_id),
        )


def _refusal(verb: str, drafted: _Drafted, count: int, *, is_first: bool) -> IllegalMove:
    """The error of a batch of which some memories would refuse."""
    refused = drafted.refused
    named = "; ".join(f"{no.cube_id}: {no.reason}" for no in refused[:MOST_NAMED])
    more = f"; and {len(refused) - MOST_NAMED} more" if len(refused) > MOST_NAMED else ""
    nothing = ", so nothing was changed" if is_first else ""
    message = (
        f"cannot {verb} {len(refused)} of {count} memories{nothing}: {named}{more}; leave "
        "them out (dry_run names them)"
    )
    if drafted.is_held:
        return Held(message, tuple(no.cube_id for no in refused))
    return IllegalMove(message)
