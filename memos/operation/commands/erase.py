"""Erase: ask on every cube, destroy the keys, purge every copy, sign what was done.

Two steps, so that a hold is seen before any key is touched and a crash resumes from the request:
EraseRequested on all; then, in one transaction, keys destroyed and Erased on all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import NO_MEMORY, CubeState, Lifecycle
from memos.kernel.errors import Held, InvalidInput, NotFound, shorten
from memos.kernel.event import Kind, Position, id_text
from memos.kernel.fold import Result
from memos.kernel.keyed_digest import SUBJECT
from memos.kernel.scope import check_scope, tenant_of
from memos.operation.commands.destroy import finish_erase, nobody_elses
from memos.operation.commands.draft import operation_event
from memos.operation.commands.taint import BoundHistories, taint
from memos.operation.erasure_receipt import ErasureReceipt
from memos.operation.gate import Passage
from memos.operation.session import Session, live_state
from memos.operation.validation import check_id, check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseTarget:
    """What is to be erased: all about a subject, all in a scope, or one cube.

    Raises:
        InvalidInput: it is not exactly one of the three, or it does not fit.
    """

    subject: str | None = None
    scope: str | None = None
    cube_id: str | None = None

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.subject, self.scope, self.cube_id)) != 1:
            raise InvalidInput("say what to erase: one of subject=, scope=, cube_id=")
        if self.cube_id is not None:
            check_id(self.cube_id)
        elif self.scope is not None:
            check_scope(self.scope)
        else:
            check_name(self.subject, "subject")


def erase(session: Session, target: EraseTarget) -> ErasureReceipt:
    """See `Memory.erase`."""
    with session.gate.enter("erase") as passage:
        passage.admit()  # every cube that matches is asked about
        with session.engine.writer.transaction() as transaction:
            positions = transaction.read_end()
            reader = transaction.reader()
            cube_ids, subjects = _matching(session, passage, reader, target)
            states = _permitted(session, passage, transaction, target, cube_ids)
            tenant = tenant_of(states[0].scope)
            request = _Request(states, subjects, positions, passage.administers(tenant))
            operation_id, held = request.ask(session, passage, transaction)
        raise_held(passage, held)
        return finish_erase(session, operation_id, passage)


def erase_ended(
    session: Session,
    passage: Passage,
    cube_id: bytes,
    reaches: Callable[[Transaction, CubeState], Callable[[CubeState], bool] | None],
) -> ErasureReceipt | None:
    """Erase a cube whose lifespan is over, and of what was derived from it what the lifespan reaches.

    Args:
        session: the open vault.
        passage: on which it is swept.
        cube_id: the cube.
        reaches: tells, as the cube is now, which derived cubes go with it; None where its lifespan
            is not over any more.

    Returns:
        The receipt; None where nothing was to be done.

    Raises:
        Held: a cube that would go is frozen or held; nothing was erased.
    """
    with session.engine.writer.transaction() as transaction:
        positions = transaction.read_end()
        for state in _erasable(transaction, [cube_id]):
            reached = reaches(transaction, state)
            if reached is None:
                return None
            derived = _with_derived(session, transaction, [state])
            states = [one for one in derived if one.cube_id == cube_id or reached(one)]
            # Asked again with every sweep, they would leave as many attempts in the log.
            raise_held(passage, [one for one in states if one.lifecycle is Lifecycle.FROZEN])
            request = _Request(states, set(), positions, ends_freezes=False)
            operation_id, held = request.ask(session, passage, transaction)
            break
        else:
            return None
    raise_held(passage, held)
    return finish_erase(session, operation_id, passage)


def raise_held(passage: Passage, held: Sequence[CubeState]) -> None:
    """Raise Held where cubes refused an erase; only those are named that the caller may read."""
    if not held:
        return
    named = tuple(id_text(state.cube_id) for state in held if passage.allows(Action.READ, state))
    which = (
        ", ".join(named) if len(named) == len(held) else ", ".join((*named, "what you cannot see"))
    )
    raise Held(
        f"cubes are held or frozen, so nothing was erased: {which}. An administrator lifts a hold, "
        "and erases through a freeze, which its owner thaws",
        named,
    )


def _permitted(
    session: Session,
    passage: Passage,
    transaction: Transaction,
    target: EraseTarget,
    cube_ids: Iterable[bytes],
) -> list[CubeState]:
    """The cubes that are erased: of those that match each that the actor may decide over, and all
    that is bound to one.

    Raises:
        NotFound: nothing matches.
        Denied: one that matches is neither.
    """
    states = _erasable(transaction, cube_ids)
    if not any(passage.allows(Action.READ, state) for state in states):
        raise _nothing_matches(target)  # also where all that matches is hidden
    decided = [state for state in states if passage.allows(Action.ADMINISTER, state)]
    reached = _with_derived(session, transaction, decided)
    bound = {state.cube_id for state in reached}
    passage.require_each(
        Action.ADMINISTER, [state for state in states if state.cube_id not in bound]
    )
    return reached


def _nothing_matches(target: EraseTarget) -> NotFound:
    named = target.cube_id or target.scope or target.subject
    return NotFound(f"nothing to erase: no memory matches {shorten(named)}")


def _matching(
    session: Session, passage: Passage, reader: Reader, target: EraseTarget
) -> tuple[list[bytes], set[bytes]]:
    """The cubes that are to be erased, and the digests of the subject where one was named."""
    if target.cube_id is not None:
        raw = check_id(target.cube_id)
        state = live_state(passage, reader, raw)
        passage.require(Action.READ, state.scope, state)
        return [raw], set()
    if target.scope is not None:
        passage.require(Action.READ, target.scope)
        return reader.vault.cubes_in_scope(target.scope), set()
    subject = target.subject or ""
    tenant = _tenant_of_subject(session, reader, target, subject)
    digests = set(session.digests.lookups(tenant, SUBJECT, subject))
    return reader.vault.cubes_of_subjects(sorted(digests)), digests


def _tenant_of_subject(session: Session, reader: Reader, target: EraseTarget, subject: str) -> str:
    """The one tenant that knows this subject."""
    tenants = [
        tenant
        for tenant in session.tenants()
        if reader.vault.cubes_of_subjects(session.digests.lookups(tenant, SUBJECT, subject))
    ]
    if len(tenants) > 1:
        raise InvalidInput(
            f"the subject {subject!r} is known to several tenants ({', '.join(tenants)}): open the "
            "vault with tenant=, a subject belongs to one"
        )
    if not tenants:
        raise _nothing_matches(target)
    return tenants[0]


def _erasable(transaction: Transaction, cube_ids: Iterable[bytes]) -> list[CubeState]:
    heads = (transaction.head(raw) for raw in cube_ids)
    return [
        state
        for state in heads
        if state is not None
        and state.form not in NO_MEMORY
        and state.lifecycle is not Lifecycle.ERASED
    ]


def _with_derived(
    session: Session, transaction: Transaction, states: Sequence[CubeState]
) -> list[CubeState]:
    """These cubes and all that is bound to what any version of theirs flowed into."""
    histories = BoundHistories(transaction.reader(), session.engine.setting("administrator"))
    seeds = [
        (state.cube_id, version) for state in states for version in range(1, state.version + 1)
    ]
    reached = taint(seeds, histories).keys() | {state.cube_id for state in states}
    return _erasable(transaction, sorted(reached))


@dataclass(frozen=True, slots=True)
class _Request:
    """The first step of an erase.

    Attributes:
        states: the cubes.
        subjects: the digests of the subject where one was named: its keys go whatever they seal.
        positions: up to where the log was read for the cubes.
        ends_freezes: an administrator asks, so freezes yield.
    """

    states: Sequence[CubeState]
    subjects: set[bytes]
    positions: Sequence[Position]
    ends_freezes: bool

    def ask(
        self, session: Session, passage: Passage, transaction: Transaction
    ) -> tuple[bytes, list[CubeState]]:
        """Ask on every cube; withdraw where one refuses. The operation's id, and who refused."""
        operation_id = session.new_id()
        tenant = tenant_of(self.states[0].scope)
        event = operation_event(session, Kind.ERASE_REQUESTED, operation_id, tenant, passage)
        for state in self.states:
            event.erase_requested.targets.add(cube_id=state.cube_id, scope=state.scope)
        for partition, offset in self.positions:
            event.erase_requested.positions.add(partition=partition, offset=offset)
        event.erase_requested.ends_freezes = self.ends_freezes
        gone = self.subjects | _only_theirs(transaction.reader(), self.states)
        event.erase_requested.subject_digests.extend(sorted(gone))
        committed = transaction.append(Draft(event))
        refused = {
            followed.event.cube_id
            for followed in committed.consequences
            if followed.outcome.result is Result.REJECTED
        }
        if refused:
            withdrawal = operation_event(
                session, Kind.ERASE_WITHDRAWN, operation_id, tenant, passage
            )
            for state in self.states:
                if state.cube_id not in refused:
                    withdrawal.erase_withdrawn.targets.add(cube_id=state.cube_id, scope=state.scope)
            transaction.append(Draft(withdrawal))
        return operation_id, [state for state in self.states if state.cube_id in refused]


def _only_theirs(reader: Reader, states: Sequence[CubeState]) -> set[bytes]:
    """The subjects that nobody else has: their keys can go as a whole."""
    subjects = {subject for state in states for subject in state.subjects}
    return nobody_elses(reader, subjects, [state.cube_id for state in states])
