"""The sweep of what has ended: each memory is archived, expired or erased, as its header says.

A lifespan acts with the right of whoever set it (see `lifespan_setters`), never with the sweeper's, and
as it is at the end: where its setter may not do with the memory what it ends in, nothing ends. An end that
erases goes along to derived memories only where its setter could decide over them, and ends a freeze of
the memory itself where its setter administers the tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from memos.infrastructure.awaited import uninterrupted
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState, Lifecycle, LifespanEnd
from memos.kernel.errors import Held
from memos.kernel.event import Kind, as_uuid, id_bytes, id_text
from memos.kernel.lifespan import deadline
from memos.kernel.outcome import Result
from memos.kernel.scope import tenant_of
from memos.operation.commands.destroy import finish_late_erases, resume_erases
from memos.operation.commands.draft import new_event
from memos.operation.commands.erase import Reach, erase_ended, finish_asked
from memos.operation.commands.imported_erases import ask_owed
from memos.operation.commands.lifespan_setters import lifespan_setters
from memos.operation.gate import Passage
from memos.operation.session import Session


@dataclass(frozen=True, slots=True)
class Sweep:
    """What came to the end of its lifespan or had outstayed an imported erase, and what went with it
    (cube ids).

    `erased` has the derived memories, too. `restored` came back with the end of a merge that had
    absorbed them. `held` did not end: whoever set their lifespan may not end them so any more; or
    they are to be erased and frozen, by no administrator's lifespan, or they or what was derived from
    them is held, or an erase that came with an export waits for their hold to be lifted. `left` hold what came of an erased memory, and are
    not its setter's to erase.
    """

    archived: tuple[str, ...]
    expired: tuple[str, ...]
    erased: tuple[str, ...]
    held: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@uninterrupted
def sweep(session: Session) -> Sweep:
    """See `Memory.sweep`."""
    with session.gate.enter("sweep") as passage:
        _require_sweeper(session, passage)
        resume_erases(session)
        return _Sweeping(session, passage, passage.administers).run()


def check_sweeper(session: Session) -> None:
    """Go on only where the actor may sweep.

    Raises:
        Denied: they administer no tenant.
    """
    with session.gate.enter("sweep") as passage:
        _require_sweeper(session, passage)


def _require_sweeper(session: Session, passage: Passage) -> None:
    if not any(passage.administers(tenant) for tenant in session.tenants()):
        passage.require_administrator(session.subject.tenant)


@uninterrupted
def sweep_vault(session: Session) -> Sweep:
    """End what has outlived its lifespan in every tenant, and what was made of erased memories, on
    nobody's behalf: for who runs the servers.
    """
    with session.gate.enter("sweep") as passage:
        passage.admit()
        finish_late_erases(session)
        return _Sweeping(session, passage, lambda tenant: True).run()


class _Ended(NamedTuple):
    """The cubes whose lifespan is over, by its end, and those that their setters may not end so."""

    by_end: dict[LifespanEnd, list[bytes]]
    unauthorised: list[bytes]


_NEEDS = {
    LifespanEnd.ARCHIVE: Action.WRITE,
    LifespanEnd.EXPIRE: Action.WRITE,
    LifespanEnd.ERASE: Action.ADMINISTER,
}
"""The right to do by hand what a lifespan ends in."""


class _Over(NamedTuple):
    """When a lifespan ended, in microseconds, and in what."""

    since: int
    then: LifespanEnd


class _Sweeping:
    """One sweep, judged by the time at which it began."""

    def __init__(self, session: Session, passage: Passage, concerns: Callable[[str], bool]) -> None:
        self._session = session
        self._passage = passage
        self._concerns = concerns
        self._now = session.clock()
        self._tenants: dict[str, bool] = {}

    def run(self) -> Sweep:
        """End all that is over."""
        self._session.access_log.flush()
        self._session.access_log.end_outlived(self._now)

        def end_lifespans(transaction: Transaction) -> _Ended:
            ended = _Ended({end: [] for end in LifespanEnd}, [])
            reader = transaction.reader()
            for raw in reader.vault.ending(self._now):
                state = transaction.head(raw)
                over = None if state is None else self._over(reader, state)
                if state is None or over is None or not self._is_concerned(tenant_of(state.scope)):
                    continue
                if not self._has_right(transaction, state, over.then):
                    ended.unauthorised.append(raw)
                elif over.then is LifespanEnd.ERASE or self._expire(
                    transaction, reader, state, over
                ):
                    ended.by_end[over.then].append(raw)
            return ended

        ended, unauthorised = self._session.engine.writer.transact(end_lifespans)
        owed = ask_owed(self._session, self._passage, self._is_concerned)
        receipts = finish_asked(self._session, owed.operation_ids, self._passage)
        erased = [cube_id for receipt in receipts for cube_id in receipt.cube_ids]
        held = [*owed.held, *unauthorised]
        restored: list[str] = []
        left: list[str] = []
        for raw in ended[LifespanEnd.ERASE]:
            try:
                receipt = erase_ended(self._session, self._passage, raw, self._reach)
            except Held:
                held.append(raw)
                continue
            for part in () if receipt is None else (receipt, *receipt.supplements):
                erased += part.cube_ids
                restored += part.restored
                left += part.left
        gone = frozenset(erased)  # whatever an erase before it said
        return Sweep(
            self._told(ended[LifespanEnd.ARCHIVE]),
            self._told(ended[LifespanEnd.EXPIRE]),
            self._told(map(id_bytes, erased)),
            self._told(held),
            self._told(id_bytes(cube_id) for cube_id in restored if cube_id not in gone),
            self._told(id_bytes(cube_id) for cube_id in left if cube_id not in gone),
        )

    def _expire(
        self, transaction: Transaction, reader: Reader, state: CubeState, over: _Over
    ) -> bool:
        """Archive or expire a cube whose lifespan is over; whether that was done."""
        raw = state.cube_id
        named = b"memos/expiry/v1\n" + raw + over.since.to_bytes(8, "big", signed=True)
        event_id = as_uuid(sha256(named).digest())
        event = new_event(
            self._session, Kind.EXPIRED, raw, state.scope, event_id=event_id, passage=self._passage
        )
        event.expired.deadline = over.since
        event.expired.then = over.then.value  # type: ignore[assignment]
        event.expired.expected_sequence = state.sequence
        event.expired.access_position.offset = reader.access_size()
        return transaction.append(Draft(event)).outcome.result is Result.ACCEPTED

    def _has_right(self, transaction: Transaction, state: CubeState, then: LifespanEnd) -> bool:
        """Whether all who set a cube's lifespan may end it so now, each the cube that they gave it:
        what came of a source that has ended already is no loss to who owns that.
        """
        setters = lifespan_setters(transaction.reader(), state.cube_id)
        cube_ids = {setter.cube_id for setter in setters} - {state.cube_id}
        heads = {head.cube_id: head for head in (state, *transaction.heads(sorted(cube_ids)))}
        return all(
            heads[setter.cube_id].lifecycle is Lifecycle.ERASED
            or self._passage.allows_to(setter.actor, _NEEDS[then], heads[setter.cube_id])
            for setter in setters
        )

    def _is_concerned(self, tenant: str) -> bool:
        if tenant not in self._tenants:
            self._tenants[tenant] = self._concerns(tenant)
        return self._tenants[tenant]

    def _over(self, reader: Reader, state: CubeState) -> _Over | None:
        """How a cube's lifespan ended; None where it has none, or a use has renewed it."""
        lifespan = state.header.lifespan
        if lifespan is None:
            return None
        ends = deadline(lifespan, reader.usage(state.cube_id).last_used)
        return _Over(ends, lifespan.then) if ends <= self._now else None

    def _reach(self, transaction: Transaction, state: CubeState) -> Reach | None:
        """How far a lifespan goes that ends in an erase, with its setter's right: see `erase_ended`."""
        reader = transaction.reader()
        over = self._over(reader, state)
        if over is None or over.then is not LifespanEnd.ERASE:
            return None
        if not self._has_right(transaction, state, over.then):
            return None  # they lost it since the sweep looked: the next one names the memory
        setters = {setter.actor for setter in lifespan_setters(reader, state.cube_id)}
        passage, tenant = self._passage, tenant_of(state.scope)
        return Reach(
            lambda derived: all(
                passage.allows_to(setter, Action.ADMINISTER, derived) for setter in setters
            ),
            all(passage.administered_by(setter, tenant) for setter in setters),
        )

    def _told(self, cube_ids: Iterable[bytes]) -> tuple[str, ...]:
        """Of cubes those that the caller may see, each once."""
        with self._session.engine.read() as reader:
            heads = [reader.vault.head(raw) for raw in dict.fromkeys(cube_ids)]
        return tuple(
            id_text(head.cube_id)
            for head in heads
            if head is not None and self._passage.allows(Action.READ, head)
        )
