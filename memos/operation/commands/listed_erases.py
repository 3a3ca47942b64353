"""Erasing again what was erased after a copy of the vault was made, and the list beside the keys names:
before anything else is done with the copy.
"""

from __future__ import annotations

import warnings
from functools import partial
from itertools import groupby

from memos.infrastructure.awaited import uninterrupted
from memos.infrastructure.engine.appender import ListedErases
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.errors import ReadOnly, VaultError
from memos.kernel.event import Kind, id_text
from memos.kernel.scope import tenant_of
from memos.operation.commands.change import pause_before_retry
from memos.operation.commands.destroy import finish_erases, nobody_elses
from memos.operation.commands.draft import new_event
from memos.operation.commands.erase_request import EraseRequest
from memos.operation.commands.erase_target import erasable, of_subjects
from memos.operation.session import Session

TRIES = 5
"""How often memories are asked that refuse an erase, before it is told."""


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
    operation_ids = session.engine.writer.transact(
        lambda own: own.take_listed_erases(partial(_ask, session, own))
    )
    receipts = finish_erases(session, operation_ids)
    return tuple(cube_id for receipt in receipts for cube_id in receipt.cube_ids)


def _ask(session: Session, own: Transaction, listed: ListedErases) -> list[bytes]:
    """The first step of the erases, in the transaction in which the list is taken."""
    operation_ids: list[bytes] = []
    for tries in range(TRIES):
        positions = own.read_end()
        named = {*listed.cube_ids, *of_subjects(own.reader(), listed.subjects)}
        waiting = [state for state in erasable(own, sorted(named)) if not state.erasing]
        if not waiting:
            _purge_ended(session, own, listed)
            return operation_ids
        for state in waiting:
            if state.lifecycle is Lifecycle.FROZEN and not state.yields_to_erase:
                _lift_hold(session, own, state)
        going = sorted(erasable(own, [state.cube_id for state in waiting]), key=_tenant)
        for _, group in groupby(going, _tenant):
            request = EraseRequest(
                list(group), set(), set(listed.subjects), positions, ends_freezes=True
            )
            operation_ids += request.ask(session, None, own).operation_ids
        if tries:  # on servers another process may have taken the list at the same moment
            pause_before_retry(tries)
    raise VaultError(
        f"{len(waiting)} memories that the list of erases names cannot be erased again, the first "
        f"{id_text(waiting[0].cube_id)}: `memos doctor` says what is wrong with the vault"
    )


def _purge_ended(session: Session, own: Transaction, listed: ListedErases) -> None:
    """Destroy what is there of memories whose erase the log of this copy has: tables that are older than
    their log bring their keys back.
    """
    heads = own.heads(sorted(listed.cube_ids))
    ended = [state for state in heads if state.lifecycle is Lifecycle.ERASED]
    for tenant, group in groupby(sorted(ended, key=_tenant), _tenant):
        cube_ids = [state.cube_id for state in group]
        own.purge(session.new_id(), cube_ids)
        unneeded = partial(nobody_elses, subjects=listed.subjects, cube_ids=cube_ids)
        own.destroy_subject_keys(b"", tenant, unneeded)


def _lift_hold(session: Session, own: Transaction, state: CubeState) -> None:
    thawed = new_event(session, Kind.THAWED, state.cube_id, state.scope)
    own.append(Draft(thawed))


def _tenant(state: CubeState) -> str:
    return tenant_of(state.scope)
