"""Erase: ask on every cube, destroy the keys, purge every copy, sign what was done.

Two steps, so that a hold is seen before any key is touched and a crash resumes from the request:
EraseRequested on all; then, in one transaction, keys destroyed and Erased on all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import NO_MEMORY, CubeState, Lifecycle
from memos.kernel.errors import Held, InvalidInput, NotFound, shorten
from memos.kernel.event import Kind, id_text
from memos.kernel.fold import Result
from memos.kernel.keyed_digest import SUBJECT
from memos.kernel.scope import check_scope, tenant_of
from memos.operation.commands.destroy import finish_erase, nobody_elses
from memos.operation.commands.draft import operation_event
from memos.operation.commands.taint import Histories, taint
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
        return erase_cubes(session, passage, target)


def erase_cubes(
    session: Session, passage: Passage, target: EraseTarget, *, by_lifespan: bool = False
) -> ErasureReceipt:
    """Request, then destroy; `by_lifespan`: the header's lifespan, not the actor, asks for it.

    Raises:
        Held: a cube is frozen; nothing was erased.
        NotFound: nothing matches.
    """
    passage.admit()  # every cube that matches is asked about

    with session.engine.writer.transaction() as transaction:
        reader = transaction.reader()
        cube_ids, subjects = _matching(session, passage, reader, target)
        states = _erasable(transaction, cube_ids)
        if not by_lifespan:
            if not any(passage.allows(Action.READ, state) for state in states):
                raise _nothing_matches(target)  # also where all that matches is hidden
            passage.require_each(Action.ADMINISTER, states)
        if not states:
            raise _nothing_matches(target)
        states = _with_derived(reader, transaction, states)
        gone = subjects | _only_theirs(reader, states)
        operation_id, held = _request(session, passage, transaction, states, gone)
    if held:
        raise Held(
            f"{len(held)} of the cubes are held or frozen, so nothing was erased: an administrator "
            f"lifts a hold, and erases through a freeze, which its owner thaws: {', '.join(held)}",
            tuple(held),
        )
    return finish_erase(session, operation_id)


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
    reader: Reader, transaction: Transaction, states: Sequence[CubeState]
) -> list[CubeState]:
    """These cubes and all that any version of theirs flowed into."""
    histories = Histories(reader)
    seeds = [
        (state.cube_id, version) for state in states for version in range(1, state.version + 1)
    ]
    reached = taint(seeds, histories).keys() | {state.cube_id for state in states}
    heads = [transaction.head(raw) for raw in sorted(reached)]
    return [
        state for state in heads if state is not None and state.lifecycle is not Lifecycle.ERASED
    ]


def _only_theirs(reader: Reader, states: Sequence[CubeState]) -> set[bytes]:
    """The subjects that nobody else has: their keys can go as a whole."""
    subjects = {subject for state in states for subject in state.subjects}
    return nobody_elses(reader, subjects, [state.cube_id for state in states])


def _request(
    session: Session,
    passage: Passage,
    transaction: Transaction,
    states: Sequence[CubeState],
    gone: set[bytes],
) -> tuple[bytes, list[str]]:
    """Ask on every cube; withdraw where one is held. The operation's id, and who is held."""
    operation_id = session.new_id()
    tenant = tenant_of(states[0].scope)
    event = operation_event(session, Kind.ERASE_REQUESTED, operation_id, tenant, passage)
    for state in states:
        event.erase_requested.targets.add(cube_id=state.cube_id, scope=state.scope)
    event.erase_requested.ends_freezes = passage.administers(tenant)
    event.erase_requested.subject_digests.extend(sorted(gone))
    committed = transaction.append(Draft(event))
    refused = [
        followed.event.cube_id
        for followed in committed.consequences
        if followed.outcome.result is Result.REJECTED
    ]
    if refused:
        withdrawal = operation_event(session, Kind.ERASE_WITHDRAWN, operation_id, tenant, passage)
        for state in states:
            if state.cube_id not in refused:
                withdrawal.erase_withdrawn.targets.add(cube_id=state.cube_id, scope=state.scope)
        transaction.append(Draft(withdrawal))
    return operation_id, [id_text(raw) for raw in refused]
