"""Moves between states: archive, restore, freeze, thaw, hold; the fold decides what is legal.

A freeze is an owner's, and yields to an administrator's erase; a hold is an administrator's. A freeze
keeps a memory beyond its end, so it loosens what a derived memory took on from its sources.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.erased_sources import is_erased
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import SHOWN, CubeState, Lifecycle
from memos.kernel.errors import IllegalMove
from memos.kernel.event import DETAILS, Kind, id_text
from memos.kernel.scope import tenant_of
from memos.operation.commands.batch import Batch, BatchChange, Make, change_several
from memos.operation.commands.change import compose
from memos.operation.commands.draft import new_event
from memos.operation.commands.restriction import require_loosening
from memos.operation.commands.sources import permitted_state
from memos.operation.cube import is_over
from memos.operation.gate import Passage
from memos.operation.receipt import LONGER, Receipt, receipt_of
from memos.operation.search.selection import Selection
from memos.operation.session import Session
from memos.operation.validation import check_version
from memos.wire.event_pb2 import Frozen, Thawed


class Move(NamedTuple):
    """A move: the kind of its event with that kind's facts, and who may make it.

    Attributes:
        keeps: the memory does not end while it is so: it takes the right to give it no lifespan.
    """

    kind: Kind
    action: Action
    detail: Frozen | Thawed | None = None
    is_administrators: bool = False
    keeps: bool = False
    title: str = ""

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.title or self.kind.title


ARCHIVE = Move(Kind.ARCHIVED, Action.WRITE)
RESTORE = Move(Kind.RESTORED, Action.WRITE)
_OUT_OF_SIGHT = frozenset({Lifecycle.ARCHIVED, Lifecycle.EXPIRED})
_HOLD = Move(Kind.FROZEN, Action.ADMINISTER, Frozen(), is_administrators=True, title="hold")
_LIFT_HOLD = Move(
    Kind.THAWED, Action.ADMINISTER, Thawed(), is_administrators=True, title="lift_hold"
)


def archive(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.archive`."""
    return _move(session, cube_id, ARCHIVE, expected_version)


def restore(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.restore`."""
    return _move(session, cube_id, RESTORE, expected_version)


def freeze(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.freeze`."""
    move = Move(Kind.FROZEN, Action.ADMINISTER, Frozen(yields_to_erase=True), keeps=True)
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
    state = permitted_state(session, passage, cube_id, wanted.action, wanted.name)
    if wanted.is_administrators:
        passage.require_administrator(tenant_of(state.scope))
    if wanted.keeps:
        with session.engine.read() as reader:
            require_loosening(passage, reader, state, state.header._replace(lifespan=None))
    committed = compose(
        *(session, passage, state.cube_id, wanted.action, moving(session, passage, wanted)),
        expected_version,
        operation=wanted.name,
    )
    return receipt_of(session.engine, committed)


def moving(session: Session, passage: Passage, wanted: Move) -> Make:
    """Makes a move of a cube as it is then."""
    kind = wanted.kind

    def make(reader: Reader, state: CubeState) -> Draft:
        if kind is Kind.RESTORED:
            check_would_be_shown(session, reader, state)
        if wanted.keeps:
            require_loosening(passage, reader, state, state.header._replace(lifespan=None))
        event = new_event(session, kind, state.cube_id, state.scope, passage=passage)
        if wanted.detail is not None:
            getattr(event, DETAILS[kind]).CopyFrom(wanted.detail)
        return Draft(event)

    return make


def archive_several(session: Session, selection: Selection, *, dry_run: bool) -> Batch:
    """See `Memory.archive_many`."""
    return _move_several(session, selection, ARCHIVE, SHOWN, dry_run=dry_run)


def restore_several(session: Session, selection: Selection, *, dry_run: bool) -> Batch:
    """See `Memory.restore_many`."""
    return _move_several(session, selection, RESTORE, _OUT_OF_SIGHT, dry_run=dry_run)


def _move_several(
    session: Session,
    selection: Selection,
    wanted: Move,
    states: Collection[Lifecycle],
    *,
    dry_run: bool,
) -> Batch:
    change = BatchChange(wanted.name, states, lambda passage: moving(session, passage, wanted))
    return change_several(session, selection, change, dry_run=dry_run)


def check_would_be_shown(session: Session, reader: Reader, state: CubeState) -> None:
    """Refuse to restore what would be out of sight all the same.

    Raises:
        IllegalMove: it has outlived its lifespan.
    """
    if is_erased(state):
        return  # the fold says so
    if is_over(state, reader.usage(state.cube_id).last_used, session.clock()):
        raise IllegalMove(
            f"cube {id_text(state.cube_id)} has outlived its lifespan, and would stay out of sight: "
            f"{LONGER} before you restore it"
        )


def _move(session: Session, cube_id: str, wanted: Move, expected_version: int | None) -> Receipt:
    if expected_version is not None:
        check_version(expected_version, "expected_version")
    with session.gate.enter(wanted.name) as passage:
        return move(session, passage, cube_id, wanted, expected_version)
