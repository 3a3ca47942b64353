"""Moves between states: archive, restore, freeze, thaw, hold; the fold decides what is legal.

A freeze is an owner's, and yields to an administrator's erase; a hold is an administrator's.
"""

from __future__ import annotations

from typing import NamedTuple

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.governance.decision import Action
from memos.kernel.event import DETAILS, Kind
from memos.kernel.scope import tenant_of
from memos.operation.commands.draft import new_event
from memos.operation.commands.sources import permitted_state
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_version
from memos.wire.event_pb2 import Frozen, Thawed


class Move(NamedTuple):
    """A move: the kind of its event with that kind's facts, and who may make it."""

    kind: Kind
    action: Action
    detail: Frozen | Thawed | None = None
    is_administrators: bool = False
    title: str = ""

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.title or self.kind.title


ARCHIVE = Move(Kind.ARCHIVED, Action.WRITE)
_HOLD = Move(Kind.FROZEN, Action.ADMINISTER, Frozen(), is_administrators=True, title="hold")
_LIFT_HOLD = Move(
    Kind.THAWED, Action.ADMINISTER, Thawed(), is_administrators=True, title="lift_hold"
)


def archive(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.archive`."""
    return _move(session, cube_id, ARCHIVE, expected_version)


def restore(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.restore`."""
    return _move(session, cube_id, Move(Kind.RESTORED, Action.WRITE), expected_version)


def freeze(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.freeze`."""
    move = Move(Kind.FROZEN, Action.ADMINISTER, Frozen(yields_to_erase=True))
    return _move(session, cube_id, move, expected_version)


def thaw(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.thaw`."""
    move = Move(Kind.THAWED, Action.ADMINISTER, Thawed(freeze_only=True))
    return _move(session, cube_id, move, expected_version)


def hold(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.hold`."""
    return _move(session, cube_id, _HOLD, expected_version)


def lift_hold(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.lift_hold`."""
    return _move(session, cube_id, _LIFT_HOLD, expected_version)


def move(
    session: Session,
    passage: Passage,
    cube_id: str,
    wanted: Move,
    expected_version: int | None = None,
) -> Receipt:
    """Append a move of a cube with which the actor may do what it needs.

    Raises:
        NotFound, Denied, Held, IllegalMove, Conflict: as their names say.
    """
    kind = wanted.kind
    state = permitted_state(session, passage, cube_id, wanted.action, wanted.name)
    if wanted.is_administrators:
        passage.require_administrator(tenant_of(state.scope))
    event = new_event(
        session,
        kind,
        state.cube_id,
        state.scope,
        expected_version=expected_version,
        passage=passage,
    )
    if wanted.detail is not None:
        getattr(event, DETAILS[kind]).CopyFrom(wanted.detail)
    (committed,) = session.engine.writer.commit([Draft(event)])
    return receipt_of(session.engine, committed)


def _move(session: Session, cube_id: str, wanted: Move, expected_version: int | None) -> Receipt:
    if expected_version is not None:
        check_version(expected_version, "expected_version")
    with session.gate.enter(wanted.name) as passage:
        return move(session, passage, cube_id, wanted, expected_version)
