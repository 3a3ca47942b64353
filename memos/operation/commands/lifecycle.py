"""Moves between states: archive, restore, freeze, thaw; the fold decides whether one is legal."""

from __future__ import annotations

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.governance.decision import Action
from memos.kernel.event import Kind
from memos.operation.commands.draft import new_event
from memos.operation.commands.sources import permitted_state
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_version


def archive(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.archive`."""
    return _move(session, cube_id, Kind.ARCHIVED, Action.WRITE, expected_version)


def restore(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.restore`."""
    return _move(session, cube_id, Kind.RESTORED, Action.WRITE, expected_version)


def freeze(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.freeze`."""
    return _move(session, cube_id, Kind.FROZEN, Action.ADMINISTER, expected_version)


def thaw(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.thaw`."""
    return _move(session, cube_id, Kind.THAWED, Action.ADMINISTER, expected_version)


def move(
    session: Session,
    passage: Passage,
    cube_id: str,
    kind: Kind,
    action: Action,
    expected_version: int | None = None,
) -> Receipt:
    """Append a move of a cube with which the actor may do `action`.

    Raises:
        NotFound, Denied, Held, IllegalMove, Conflict: as their names say.
    """
    state = permitted_state(session, passage, cube_id, action, kind.title)
    event = new_event(session, kind, state.cube_id, state.scope, expected_version=expected_version)
    (committed,) = session.engine.writer.commit([Draft(event)])
    return receipt_of(session.engine, committed)


def _move(
    session: Session, cube_id: str, kind: Kind, action: Action, expected_version: int | None
) -> Receipt:
    if expected_version is not None:
        check_version(expected_version, "expected_version")
    with session.gate.enter(kind.title) as passage:
        return move(session, passage, cube_id, kind, action, expected_version)
