"""How a change of one cube becomes an accepted event: read, ask, compose, append, compose again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.erased_sources import is_erased
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.keys.envelope import seal_body
from memos.kernel.body import is_text
from memos.kernel.cube import CubeState
from memos.kernel.errors import Conflict, Damaged, IllegalMove
from memos.kernel.event import Kind, id_text
from memos.kernel.outcome import Reason, Result
from memos.operation.commands.body import PLAIN_TEXT
from memos.operation.commands.draft import new_event
from memos.operation.commands.idempotency import KeyedCommand, standing_ids
from memos.operation.commands.sources import opened_parts
from memos.operation.cube import Parts
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, already_erased, receipt_of
from memos.operation.session import Session, live_state
from memos.operation.tenant_digests import Ids
from memos.operation.validation import check_name, check_version
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event

COMPOSE_TRIES = 100
"""A composed change that loses this many races in a row gives up with a Conflict."""

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0

T = TypeVar("T")

Make = Callable[[Reader, CubeState], Draft]
"""A change of a cube, made of its state as a reader sees it; it has no effect, and may be made again."""

Build = Callable[[Parts | None, Event, Body], None]
"""Fill the event and its body from, where asked for, the cube's opened parts.

Raises:
    NothingChanges: the cube is already as it would be.
"""


class NothingChanges(Exception):
    """A cube is already as a change would make it."""


@dataclass(frozen=True, slots=True)
class ContentChange:
    """A change of one cube's content.

    Attributes:
        kind: the event's.
        build: fills event and body.
        reads: `build` is given the cube's opened parts, and the change is composed from them.
        keeps_media_type: a text that `build` puts in the place of another has the media type of that.
        expected_version: the caller's own condition.
        key: the caller's idempotency key.
        asked: gives every argument that differs from its default, to tell a retry from other content.
        meant: gives the same as they are meant.
    """

    kind: Kind
    build: Build
    reads: bool = False
    keeps_media_type: bool = False
    expected_version: int | None = None
    key: str | None = None
    asked: Callable[[], Mapping[str, Any]] = dict
    meant: Callable[[], Mapping[str, Any]] = dict

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
        asked = self.asked()
        return KeyedCommand(
            operation=operation,
            target=id_text(cube_id),
            key=self.key or "",
            asked={**asked, **condition},
            meant={**self.meant(), **condition},
            former=(asked,),
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
        NotFound, Held, IllegalMove, OtherContent, AlreadyErased: as their names say.
        Conflict: the cube is not at the expected version, or too many others were faster.
    """

    def make(reader: Reader, state: CubeState) -> Draft:
        return drafted(session, passage, reader, state, content_change)

    expected = content_change.expected_version
    committed = compose(session, passage, permitted.cube_id, Action.WRITE, make, expected)
    return receipt_of(session.engine, committed)


def compose(
    session: Session,
    passage: Passage,
    cube_id: bytes,
    action: Action,
    make: Make,
    expected_version: int | None = None,
    *,
    operation: str | None = None,
) -> Committed:
    """Append a change of one cube, bound to the version that it is made of: the actor's right is asked
    on just that state, and again on the next one where another writer came first.

    Args:
        session: the open vault.
        passage: where the right was asked before this, outside of the writer's turn.
        cube_id: the cube.
        action: what the actor does with it.
        make: makes the change.
        expected_version: the caller's own condition, to which it is bound instead, and then only once.
        operation: what the right is asked for, where that is not the passage's.

    Raises:
        NotFound, Denied: there is no such cube, or the right is gone.
        Conflict: too many others were faster.
    """

    def bound(reader: Reader) -> Draft:
        state = live_state(passage, reader, cube_id)
        passage.require(action, state.scope, state, operation=operation)
        draft = make(reader, state)
        draft.event.expected_version = (
            state.version if expected_version is None else expected_version
        )
        return draft

    for tries in range(COMPOSE_TRIES):
        committed = session.engine.writer.compose(cube_id, bound)
        outcome = committed.outcome
        lost_a_race = outcome.result is Result.REJECTED and outcome.reason is Reason.CONFLICT
        if expected_version is not None or not lost_a_race:
            return committed
        pause_before_retry(tries)
    raise Conflict(
        f"cube {id_text(cube_id)} changed {COMPOSE_TRIES} times while this change was "
        "composed: try again",
        outcome.version,
    )


def again_on_conflict(attempt: Callable[[], T]) -> T:
    """Run what reads, asks and appends by itself, and again where another writer came first.

    Raises:
        Conflict: too many others were faster.
    """
    for tries in range(COMPOSE_TRIES - 1):
        try:
            return attempt()
        except Conflict:
            pause_before_retry(tries)
    return attempt()


def pause_before_retry(tries: int) -> None:
    """Let others go first, for a time drawn by chance that grows with the number of tries."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**tries)
    time.sleep(random.uniform(0, longest))  # noqa: S311 - no secret


def drafted(
    session: Session,
    passage: Passage,
    reader: Reader,
    state: CubeState,
    content_change: ContentChange,
) -> Draft:
    """The change of a cube at the version that it is at; where it stands already, what the fold knows
    as its repeat: nothing is checked or composed again.

    Raises:
        AlreadyErased: it stands already, and the cube was erased since.
    """
    cube_id = state.cube_id
    keyed = None
    if content_change.key is not None:
        command = content_change.keyed(passage.operation, cube_id)
        keyed = (command, *standing_ids(session, reader, command, state))
        if keyed[2] is not None and is_erased(state):
            raise already_erased(cube_id)
    _check_expected(state, content_change)
    event = new_event(session, content_change.kind, cube_id, state.scope, passage=passage)
    body = Body()
    cube_key = reader.cube_key(cube_id)
    if cube_key is None:
        raise IllegalMove(f"cube {id_text(cube_id)} is erased: nothing can change it")
    if keyed is not None:
        command, ids, first = keyed
        _make_recognisable(event, ids, command.mac(session.actor, cube_key, ids, first))
        if first is not None:
            return Draft(event)
    content_change.build(opened_parts(reader, state) if content_change.reads else None, event, body)
    if content_change.keeps_media_type:
        body.content.media_type = _text_type(reader, state)
    if event.parts:
        seal_body(cube_key, event, body)
    if content_change.reads:
        event.composed_from = state.version
    return Draft(event, body)


def _text_type(reader: Reader, state: CubeState) -> str:
    """The media type of a cube's text; a plain one where it holds none, or none that can be read."""
    try:
        before = reader.body(state.cube_id, state.parts.content)
    except Damaged:
        return PLAIN_TEXT
    media_type = "" if before is None else before.content.media_type
    return media_type if is_text(media_type) else PLAIN_TEXT


def _check_expected(state: CubeState, content_change: ContentChange) -> None:
    """Refuse what nothing can be made of.

    Raises:
        Conflict: the caller expects a version that is not there yet.
    """
    expected = content_change.expected_version
    if content_change.reads and expected is not None and expected > state.version:
        raise not_at(state, expected)


def not_at(state: CubeState, expected: int | None) -> Conflict:
    """The error of a cube that is at another version than its caller expects."""
    return Conflict(
        f"cube {id_text(state.cube_id)} is at version {state.version}, not {expected}: read it "
        "again and decide anew",
        state.version,
    )


def _make_recognisable(event: Event, ids: Ids, mac: bytes) -> None:
    """Give a retry the same ids, and a digest of what was asked for."""
    event.event_id, event.idempotency_digest = ids.event_id, ids.mark()
    event.operation_id = event.event_id
    event.command_mac = mac
