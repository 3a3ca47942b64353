"""How a change of one cube becomes an accepted event: read, compose, append, compose again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.keys.envelope import command_mac, seal_body
from memos.kernel.cube import CubeState
from memos.kernel.errors import Conflict, IllegalMove
from memos.kernel.event import Kind, id_text
from memos.kernel.fold import Reason, Result
from memos.operation.commands.draft import new_event
from memos.operation.commands.sources import opened_parts, permitted_state
from memos.operation.cube import Parts
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_name, check_version
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event

COMPOSE_TRIES = 100
"""A composed change that loses this many races in a row gives up with a Conflict."""

Build = Callable[[CubeState, Parts | None, Event, Body], None]
"""Fill the event and its body from the cube's state and, where asked for, its opened parts."""


@dataclass(frozen=True, slots=True)
class ContentChange:
    """A change of one cube's content.

    Attributes:
        kind: the event's.
        build: fills event and body.
        composed: the new content depends on the old, so it is bound to the version it was made of.
        reads: the cube's parts are opened for `build`.
        expected_version: the caller's own condition.
        key: the caller's idempotency key.
        asked: what the caller asked for, to tell a retry from other content.
    """

    kind: Kind
    build: Build
    composed: bool = False
    reads: bool = False
    expected_version: int | None = None
    key: str | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.expected_version is not None:
            check_version(self.expected_version, "expected_version")
        if self.key is not None:
            check_name(self.key, "idempotency_key")


def change(
    session: Session, passage: Passage, cube_id: str, content_change: ContentChange
) -> Receipt:
    """Append a change of content, composing it again where another writer came first.

    Raises:
        NotFound, Denied, Held, IllegalMove, OtherContent: as their names say.
        Conflict: the cube is not at the expected version, or too many others were faster.
    """
    recompose = content_change.composed and content_change.expected_version is None
    for _ in range(COMPOSE_TRIES):
        state = permitted_state(session, passage, cube_id, Action.WRITE)
        draft = _draft(session, passage.operation, state, content_change)
        (committed,) = session.engine.writer.commit([draft])
        outcome = committed.outcome
        lost_a_race = outcome.result is Result.REJECTED and outcome.reason is Reason.CONFLICT
        if not (lost_a_race and recompose):
            return receipt_of(session.engine, committed)
    raise Conflict(
        f"cube {cube_id} changed {COMPOSE_TRIES} times while this change was composed: try again",
        outcome.version,
    )


def _draft(
    session: Session, operation: str, state: CubeState, content_change: ContentChange
) -> Draft:
    """The change of a cube at the version that it is at."""
    expected = content_change.expected_version
    if content_change.composed and expected is None:
        expected = state.version
    cube_id = state.cube_id
    event = new_event(session, content_change.kind, cube_id, state.scope, expected_version=expected)
    body = Body()
    with session.engine.read() as reader:
        cube_key = reader.cube_key(cube_id)
        if cube_key is None:
            raise IllegalMove(f"cube {id_text(cube_id)} is erased: nothing can change it")
        if content_change.key is not None:
            named = (session.actor, operation, id_text(cube_id), content_change.key, 0)
            _make_recognisable(session, event, named, command_mac(cube_key, content_change.asked))
        content_change.build(
            state, opened_parts(reader, state) if content_change.reads else None, event, body
        )
        if event.parts:
            seal_body(cube_key, event, body)
    if content_change.composed:
        event.composed_from = state.version
    return Draft(event, body)


def _make_recognisable(
    session: Session, event: Event, named: tuple[object, ...], mac: bytes
) -> None:
    """Give a retry the same ids, and a digest of what was asked for."""
    event.event_id, _, event.idempotency_digest = session.digests.keyed_ids(event.tenant, named)
    event.operation_id = event.event_id
    event.command_mac = mac
