"""Erase: ask on every cube, destroy the keys, purge every copy, sign what was done.

Two steps, so that a hold is seen before any key is touched and a crash resumes from the request:
EraseRequested on all; then, in one transaction, keys destroyed and Erased on all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from memos.infrastructure.awaited import uninterrupted
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState
from memos.kernel.errors import (
    Busy,
    EraseUnfinished,
    NotFound,
    VaultError,
)
from memos.kernel.event import id_bytes, id_text
from memos.kernel.scope import tenant_of
from memos.operation.commands.change import pause_before_retry
from memos.operation.commands.destroy import finish_erases
from memos.operation.commands.erase_request import EraseAnswer, EraseRequest, raise_held
from memos.operation.commands.erase_standing import EraseStanding, asked, take_back
from memos.operation.commands.erase_target import (
    EraseTarget,
    SeesHeads,
    erasable,
    matching,
    nothing_matches,
)
from memos.operation.commands.taint import BoundHistories, taint
from memos.operation.erasure_receipt import ErasureReceipt
from memos.operation.gate import Passage
from memos.operation.session import Session

ERASE_TRIES = 50
"""An erase that meets another one, unfinished, so many times in a row gives up as Busy."""


@uninterrupted
def erase(session: Session, target: EraseTarget) -> ErasureReceipt:
    """See `Memory.erase`."""
    with session.gate.enter("erase") as passage:
        passage.admit()  # every cube that matches is asked about
        if session.engine.queries.lifetime():
            session.access_log.flush()  # the text of a query that waits there would come later
        joined: list[ErasureReceipt] = []
        for tries in range(ERASE_TRIES):
            try:
                asked_for = _ask(session, passage, target)
            except NotFound:
                if not joined:
                    raise
                return _together(joined)
            raise_held(passage, asked_for.held)
            if asked_for.operation_ids:
                ended = finish_asked(session, asked_for.operation_ids, passage)
                receipt = _together([*joined, *ended])
                if passage.is_bounded:
                    receipt = _shown(session, passage, receipt)
                return replace(receipt, not_compared=target.not_compared)
            ended = _join(session, passage, asked_for.others)
            joined += ended
            if not ended:
                pause_before_retry(tries)
        raise Busy(
            "other erases of some of these memories are under way, and were not at their end when "
            "they were waited for: ask again"
        )


def _ask(session: Session, passage: Passage, target: EraseTarget) -> EraseAnswer:
    """The first step, where no other erase has begun with any of the cubes."""

    def ask(transaction: Transaction) -> EraseAnswer:
        positions = transaction.read_end()
        reader = transaction.reader()
        cube_ids, subjects = matching(session, passage, reader, target)
        states, bound = reached_states(session, passage, transaction, target, cube_ids)
        if not states:
            raise nothing_matches(target)  # another erase has just ended
        others = sorted({state.erasing for state in states if state.erasing})
        if others:
            return EraseAnswer(others=others)
        tenant = tenant_of(states[0].scope)
        administers = passage.administers(tenant)
        request = EraseRequest(states, bound, subjects, positions, administers, target.whole_scope)
        return request.ask(session, passage, transaction)

    return session.engine.writer.transact(ask)


def _join(
    session: Session, passage: Passage, operation_ids: Iterable[bytes]
) -> list[ErasureReceipt]:
    """Bring erases that others asked for to their end; the receipts of those that came to one."""
    agreed = []
    for operation_id in operation_ids:
        with session.engine.read() as reader:
            request, standing, refused = asked(reader, operation_id)
        if standing is EraseStanding.AGREED:
            agreed.append(operation_id)
        elif standing in (EraseStanding.REFUSED, EraseStanding.WITHDRAWN):
            # Where it was withdrawn, a cube that was asked again behind that waits for it still.
            take_back(session, request, refused)
    return [_shown(session, passage, receipt) for receipt in finish_asked(session, agreed, passage)]


def _together(receipts: Sequence[ErasureReceipt]) -> ErasureReceipt:
    """The last receipt, to which the others are supplements."""
    last = receipts[-1]
    return replace(last, supplements=(*last.supplements, *receipts[:-1]))


def finish_asked(
    session: Session, operation_ids: Sequence[bytes], passage: Passage
) -> list[ErasureReceipt]:
    """The second step; what stops it says that the erase has begun.

    Raises:
        EraseUnfinished: it was stopped.
    """
    try:
        return finish_erases(session, operation_ids, passage)
    except VaultError as error:
        named = ", ".join(map(id_text, operation_ids))
        raise EraseUnfinished(
            f"the erase {named} was asked for and is not known to be finished: its memories take no "
            "change any more, and it goes on when it is asked for again or the vault is opened "
            f"next. It was stopped by {type(error).__name__}: {error.__cause__ or error}",
            named,
        ) from error


def _shown(session: Session, passage: Passage, receipt: ErasureReceipt) -> ErasureReceipt:
    """The receipt of another's erase, or of one that went beyond the caller's reach, as far as they may
    see the memories that it lists; in part it is no longer what was signed.
    """
    with session.engine.read() as reader:
        heads = reader.vault.heads_many(map(id_bytes, receipt.cube_ids))
    shown = {id_text(raw) for raw, head in heads.items() if passage.allows(Action.READ, head)}
    hidden = set(receipt.cube_ids) - shown
    if not hidden:
        return receipt
    return replace(
        receipt,
        cube_ids=tuple(raw for raw in receipt.cube_ids if raw not in hidden),
        restored=(),
        artefacts=(),
        note="",
        left=(),
        supplements=(),
    )


class Reach(NamedTuple):
    """What an erase may do that was not asked for but came due.

    Attributes:
        takes: whether it takes a derived cube along.
        ends_freezes: it is an administrator's will, so freezes yield.
    """

    takes: Callable[[CubeState], bool]
    ends_freezes: bool


def erase_ended(
    session: Session,
    passage: Passage,
    cube_id: bytes,
    reach_of: Callable[[Transaction, CubeState], Reach | None],
) -> ErasureReceipt | None:
    """Erase a cube whose lifespan is over, and of what was derived from it what the lifespan reaches.

    Args:
        session: the open vault.
        passage: on which it is swept.
        cube_id: the cube.
        reach_of: tells, as the cube is now, how far this goes; None where its lifespan is not over
            any more.

    Returns:
        The receipt; None where nothing was to be done, or a cube that would go has another version
        by the time it is asked: it may have a longer lifespan now, or another owner.

    Raises:
        Held: a cube that would go is held, or is frozen and does not yield; nothing was erased.
    """

    def ask(transaction: Transaction) -> EraseAnswer:
        positions = transaction.read_end()
        for state in erasable(transaction, [cube_id]):
            reach = reach_of(transaction, state)
            if reach is None:
                break
            derived = _with_derived(session, transaction, [state])
            along = [one for one in derived if one.cube_id != cube_id and reach.takes(one)]
            bound, states = {one.cube_id for one in along}, [state, *along]
            request = EraseRequest(
                states, bound, set(), positions, reach.ends_freezes, as_read=True
            )
            # Asked again with every sweep, they would leave as many attempts in the log.
            raise_held(passage, request.refusing())
            if any(one.erasing for one in states):
                break  # another erase has begun with them, or has ended
            return request.ask(session, passage, transaction)
        return EraseAnswer()

    answer = session.engine.writer.transact(ask)
    raise_held(passage, answer.held)
    if not answer.operation_ids:
        return None
    return _together(finish_asked(session, answer.operation_ids, passage))


def reached_states(
    session: Session,
    passage: Passage,
    transaction: SeesHeads,
    target: EraseTarget,
    cube_ids: Iterable[bytes],
) -> tuple[list[CubeState], set[bytes]]:
    """The cubes that are erased: of those that match each that the actor may decide over, and all
    that is bound to one; and which of them are only bound.

    Raises:
        NotFound: nothing matches.
        Denied: one that matches is neither.
    """
    states = erasable(transaction, cube_ids)
    if not any(passage.allows(Action.READ, state) for state in states):
        raise nothing_matches(target)  # also where all that matches is hidden
    decided = [state for state in states if passage.allows(Action.ADMINISTER, state)]
    reached = _with_derived(session, transaction, decided)
    reached_ids = {state.cube_id for state in reached}
    passage.require_each(
        Action.ADMINISTER, [state for state in states if state.cube_id not in reached_ids]
    )
    return reached, reached_ids - {state.cube_id for state in decided}


def _with_derived(
    session: Session, transaction: SeesHeads, states: Sequence[CubeState]
) -> list[CubeState]:
    """These cubes and all that is bound to what any version of theirs flowed into."""
    reader = transaction.reader()
    reader.read_histories_ahead([state.cube_id for state in states])
    histories = BoundHistories(reader, session.engine.setting("administrator"))
    seeds = [
        (state.cube_id, version) for state in states for version in range(1, state.version + 1)
    ]
    reached = taint(seeds, histories).keys() | {state.cube_id for state in states}
    return erasable(transaction, sorted(reached))
