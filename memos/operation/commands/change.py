"""How a change of one cube becomes an accepted event: read, compose, append, compose again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.keys.envelope import seal_body
from memos.kernel.cube import CubeState
from memos.kernel.errors import Conflict, IllegalMove
from memos.kernel.event import Kind, id_text
from memos.kernel.outcome import Reason, Result
from memos.operation.commands.draft import new_event
from memos.operation.commands.idempotency import Ids, KeyedCommand, first_event
from memos.operation.commands.sources import opened_parts
from memos.operation.cube import Parts
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session, live_state
from memos.operation.validation import check_name, check_version
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event

COMPOSE_TRIES = 100
"""A composed change that loses this many races in a row gives up with a Conflict."""

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0

Build = Callable[[Parts | None, Event, Body], None]
"""Fill the event and its body from, where asked for, the cube's opened parts."""


@dataclass(frozen=True, slots=True)
class ContentChange:
    """A change of one cube's content.

    Attributes:
        kind: the event's.
        build: fills event and body.
        reads: `build` is given the cube's opened parts, and the change is bound to the version they
            are of, and composed from it.
        expected_version: the caller's own condition.
        key: the caller's idempotency key.
        asked: every argument that differs from its default, to tell a retry from other content.
    """

    kind: Kind
    build: Build
    reads: bool = False
    expected_version: int | None = None
    key: str | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.expected_version is not None:
            check_version(self.expected_version, "expected_version")
        if self.key is not None:
            check_name(self.key, "idempotency_key")

    def keyed(self, operation: str, cube_id: bytes) -> KeyedCommand:
        """The change as a command under its key."""
        condition = (
            {} if self.expected_version is None else {"expected_version": self.expected_version}
        )
        return KeyedCommand(
            operation=operation,
            target=id_text(cube_id),
            key=self.key or "",
            asked={**self.asked, **condition},
            former=(self.asked,),
        )


def change(
    session: Session, passage: Passage, permitted: CubeState, content_change: ContentChange
) -> Receipt:
    """Append a change of content, composing it again where another writer came first.

    Args:
        session: the open vault.
        passage: where the actor's right was asked.
        permitted: the cube, as it was then.
        content_change: what is to change.

    Raises:
        NotFound, Held, IllegalMove, OtherContent: as their names say.
        Conflict: the cube is not at the expected version, or too many others were faster.
    """
    recompose = content_change.reads and content_change.expected_version is None

    def make(reader: Reader) -> Draft:
        state = live_state(passage, reader, permitted.cube_id)
        return _draft(session, passage, reader, state, content_change)

    for tries in range(COMPOSE_TRIES):
        committed = _append(session, permitted.cube_id, make, composes=content_change.reads)
        outcome = committed.outcome
        lost_a_race = outcome.result is Result.REJECTED and outcome.reason is Reason.CONFLICT
        if not (lost_a_race and recompose):
            return receipt_of(session.engine, committed)
        pause_before_retry(tries)
    raise Conflict(
        f"cube {id_text(permitted.cube_id)} changed {COMPOSE_TRIES} times while this change was "
        "composed: try again",
        outcome.version,
    )


def pause_before_retry(tries: int) -> None:
    """Let others go first, for a time drawn by chance that grows with the number of tries."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**tries)
    time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret


def _append(
    session: Session, cube_id: bytes, make: Callable[[Reader], Draft], *, composes: bool
) -> Committed:
    if composes:
        return session.engine.writer.compose(cube_id, make)
    with session.engine.read() as reader:
        draft = make(reader)
    (committed,) = session.engine.writer.commit([draft])
    return committed


def _draft(
    session: Session,
    passage: Passage,
    reader: Reader,
    state: CubeState,
    content_change: ContentChange,
) -> Draft:
    """The change of a cube at the version that it is at."""
    cube_id = state.cube_id
    expected = _expected_version(state, content_change)
    event = new_event(
        session,
        content_change.kind,
        cube_id,
        state.scope,
        expected_version=expected,
        passage=passage,
    )
    body = Body()
    cube_key = reader.cube_key(cube_id)
    if cube_key is None:
        raise IllegalMove(f"cube {id_text(cube_id)} is erased: nothing can change it")
    if content_change.key is not None:
        command = content_change.keyed(passage.operation, cube_id)
        ids = command.ids(session, event.tenant, 0)
        mac = command.mac(cube_key, ids, first_event(reader, ids, cube_id))
        _make_recognisable(event, ids, mac)
    content_change.build(opened_parts(reader, state) if content_change.reads else None, event, body)
    if event.parts:
        seal_body(cube_key, event, body)
    if content_change.reads:
        event.composed_from = state.version
    return Draft(event, body)


def _expected_version(state: CubeState, content_change: ContentChange) -> int | None:
    """What the change is bound to: the caller's own condition, or the version it is made of.

    Raises:
        Conflict: the caller expects a version that is not there yet, so nothing can be made of it.
    """
    expected = content_change.expected_version
    if not content_change.reads:
        return expected
    if expected is not None and expected > state.version:
        raise Conflict(
            f"cube {id_text(state.cube_id)} is at version {state.version}, not {expected}: read it "
            "again and decide anew",
            state.version,
        )
    return state.version if expected is None else expected


def _make_recognisable(event: Event, ids: Ids, mac: bytes) -> None:
    """Give a retry the same ids, and a digest of what was asked for."""
    event.event_id, event.idempotency_digest = ids.event_id, ids.present_half
    event.operation_id = event.event_id
    event.command_mac = mac
