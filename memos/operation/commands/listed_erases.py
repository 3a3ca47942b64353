"""Erasing again what was erased after a copy of the vault was made, and the list beside the keys names:
before anything else is done with the copy.
"""

from __future__ import annotations

import warnings
from itertools import groupby

from memos.infrastructure.awaited import uninterrupted
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.errors import ReadOnly, VaultError
from memos.kernel.event import Kind, id_text
from memos.kernel.outcome import Result
from memos.kernel.scope import tenant_of
from memos.operation.commands.destroy import finish_erases
from memos.operation.commands.draft import new_event
from memos.operation.commands.erase_request import Request
from memos.operation.commands.erase_target import erasable, of_subjects
from memos.operation.session import Session


def warn_of_listed_erases(session: Session) -> None:
    """`erase_listed` of a vault that was opened: whoever put an older copy in its place is told."""
    if session.reads_only and session.engine.erasure.is_behind_list():
        raise ReadOnly(
            f"{session.engine.name} is a copy from before some of its memories were erased: open it for "
            "writing once, which erases them again"
        )
    erased = erase_listed(session)
    if erased:
        warnings.warn(
            f"{session.engine.name} is a copy from before {len(erased)} of its memories were erased: they "
            "were erased again, as the list of erases beside its keys says",
            stacklevel=3,
        )


@uninterrupted
def erase_listed(session: Session) -> tuple[str, ...]:
    """Erase what the list of erases names and this copy of the vault still has; the memories' ids.

    It was somebody's will, and done once: nobody's rights are asked again, and a freeze or hold that is
    on in the copy was off when it was done. Killed in between, it goes on as any erase does.
    """
    if not session.engine.erasure.is_behind_list():
        return ()
    operation_ids = session.engine.writer.transact(lambda own: _ask(session, own))
    receipts = finish_erases(session, operation_ids)
    return tuple(cube_id for receipt in receipts for cube_id in receipt.cube_ids)


def _ask(session: Session, own: Transaction) -> list[bytes]:
    """The first step of the erases, in the transaction in which the list is taken."""
    listed = own.take_listed_erases()
    positions = own.read_end()
    named = {*listed.cube_ids, *of_subjects(own.reader(), listed.subjects)}
    waiting = [state for state in erasable(own, sorted(named)) if not state.erasing]
    for state in waiting:
        if state.lifecycle is Lifecycle.FROZEN and not state.yields_to_erase:
            _lift_hold(session, own, state)
    operation_ids: list[bytes] = []
    going = sorted(erasable(own, [state.cube_id for state in waiting]), key=_tenant)
    for _, group in groupby(going, _tenant):
        states = list(group)
        request = Request(states, set(), set(listed.subjects), positions, ends_freezes=True)
        asked = request.ask(session, None, own).operation_ids
        if not asked:
            raise VaultError(
                f"{len(states)} memories that the list of erases names cannot be erased again, the first "
                f"{id_text(states[0].cube_id)}: `memos doctor` says what is wrong with the vault"
            )
        operation_ids += asked
    return operation_ids


def _lift_hold(session: Session, own: Transaction, state: CubeState) -> None:
    thawed = new_event(session, Kind.THAWED, state.cube_id, state.scope)
    if own.append(Draft(thawed)).outcome.result is not Result.ACCEPTED:
        raise VaultError(f"the hold on {id_text(state.cube_id)} cannot be lifted to erase it again")


def _tenant(state: CubeState) -> str:
    return tenant_of(state.scope)
