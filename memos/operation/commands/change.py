"""How a command on one cube becomes an accepted event: read, compose, append, compose again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.keys.envelope import command_mac, seal_body
from memos.kernel.cube import CubeState
from memos.kernel.errors import Conflict, Denied, IllegalMove
from memos.kernel.event import Kind, id_text
from memos.kernel.fold import Reason, Result
from memos.kernel.header import write_header
from memos.kernel.lineage import Relation
from memos.kernel.scope import check_scope, tenant_of
from memos.operation import validation as validate
from memos.operation.commands.draft import Source, new_event
from memos.operation.cube import Parts, open_parts
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event

COMPOSE_TRIES = 100
"""A composed change that loses this many races in a row gives up with a Conflict."""

Build = Callable[[CubeState, Parts | None, Event, Body], None]
"""Fill the event and its body from the cube's state and, where asked for, its opened parts."""


def permitted(session: Session, cube_id: str, action: Action, operation: str) -> CubeState:
    """The head of a cube with which the actor may do something.

    Raises:
        NotFound, Denied: there is none, or they may not.
    """
    raw = validate.check_id(cube_id)
    with session.engine.read() as reader:
        state = session.live_state(reader, raw)
    session.require(action, state.scope, state, operation=operation)
    return state


def writable(session: Session, cube_id: str, operation: str) -> CubeState:
    """The head of a cube that the actor may write.

    Raises:
        NotFound, Denied: there is none, or they may not.
    """
    return permitted(session, cube_id, Action.WRITE, operation)


def opened(reader: Reader, state: CubeState) -> Parts:
    """The opened parts of a cube.

    Raises:
        IllegalMove: it was erased.
    """
    parts = open_parts(reader, state)
    if parts is None:
        raise IllegalMove(f"cube {id_text(state.cube_id)} is erased: nothing can change it")
    return parts


def sources_of(
    session: Session, cube_ids: Iterable[str], relation: Relation, scope: object
) -> tuple[tuple[Source, ...], tuple[bytes, ...]]:
    """The current versions of earlier cubes, and the subjects that come with them.

    Raises:
        NotFound, Denied: a source is not there, or the actor may not read it.
    """
    sources: list[Source] = []
    subjects: set[bytes] = set()
    for cube_id in cube_ids:
        raw = validate.check_id(cube_id)
        with session.engine.read() as reader:
            state = session.live_state(reader, raw)
            attempt = reader.vault.version(raw, state.version)
        session.require(Action.READ, state.scope, state, operation=relation.name.lower())
        tenant = tenant_of(check_scope(scope))
        if tenant_of(state.scope) != tenant:
            raise Denied(
                f"cube {cube_id} belongs to another tenant than {scope}: memories of two tenants "
                "meet only by a grant (rule tenant-boundary)",
                "tenant-boundary",
            )
        digest = b"" if attempt is None else attempt.outcome.digest
        sources.append(Source(relation, raw, state.version, digest))
        subjects.update(state.subjects)
    return tuple(sources), tuple(sorted(subjects))


def change(
    session: Session,
    cube_id: str,
    kind: Kind,
    build: Build,
    *,
    operation: str,
    composed: bool = False,
    reads: bool = False,
    expected_version: int | None = None,
    key: str | None = None,
    command: Mapping[str, Any] | None = None,
) -> Receipt:
    """Append a change of content, composing it again where another writer came first.

    Args:
        session: the open vault.
        cube_id: the cube.
        kind: the event's.
        build: fills event and body.
        operation: the call's name, for governance.
        composed: the new content depends on the old, so it is bound to the version it was made of.
        reads: open the cube's parts for `build`.
        expected_version: the caller's own condition.
        key: the caller's idempotency key.
        command: what the caller asked for, to tell a retry from other content.
    """
    if expected_version is not None:
        validate.check_version(expected_version, "expected_version")
    for _ in range(COMPOSE_TRIES):
        state = writable(session, cube_id, operation)
        expected = state.version if composed and expected_version is None else expected_version
        event = new_event(session, kind, state.cube_id, state.scope, expected_version=expected)
        body = Body()
        with session.engine.read() as reader:
            cube_key = reader.cube_key(state.cube_id)
            if cube_key is None:
                raise IllegalMove(f"cube {cube_id} is erased: nothing can change it")
            if key is not None:
                _bind_key(session, event, state, operation, key, cube_key, command or {})
            parts = opened(reader, state) if reads or composed else None
            build(state, parts, event, body)
            if event.parts:
                seal_body(cube_key, event, body)
        if composed:
            event.composed_from = state.version
        (committed,) = session.engine.writer.commit([Draft(event, body)])
        outcome = committed.outcome
        lost_a_race = outcome.result is Result.REJECTED and outcome.reason is Reason.CONFLICT
        if not (lost_a_race and composed and expected_version is None):
            return receipt_of(session.engine, committed)
    raise Conflict(
        f"cube {cube_id} changed {COMPOSE_TRIES} times while this change was composed: try again",
        outcome.version,
    )


def _bind_key(
    session: Session,
    event: Event,
    state: CubeState,
    operation: str,
    key: str,
    cube_key: bytes,
    command: Mapping[str, Any],
) -> None:
    """Make a retry recognisable: the same ids, and a digest of what was asked for."""
    validate.check_name(key, "idempotency_key")
    named = (session.actor, operation, id_text(state.cube_id), key, 0)
    event.event_id, _, event.idempotency_digest = session.keyed_ids(event.tenant, named)
    event.operation_id = event.event_id
    event.command_mac = command_mac(cube_key, command)


def move(
    session: Session, cube_id: str, kind: Kind, action: Action, expected_version: int | None
) -> Receipt:
    """Append a move between states; the fold decides whether it is legal."""
    if expected_version is not None:
        validate.check_version(expected_version, "expected_version")
    state = permitted(session, cube_id, action, kind.title)
    event = new_event(session, kind, state.cube_id, state.scope, expected_version=expected_version)
    (committed,) = session.engine.writer.commit([Draft(event)])
    return receipt_of(session.engine, committed)


def change_header(
    session: Session, cube_id: str, changes: Mapping[str, Any], expected_version: int | None
) -> Receipt:
    """Append a change of header facts: only the fields that the caller named."""
    if expected_version is not None:
        validate.check_version(expected_version, "expected_version")
    state = permitted(session, cube_id, Action.ADMINISTER, "set_header")
    event = new_event(
        session,
        Kind.HEADER_CHANGED,
        state.cube_id,
        state.scope,
        expected_version=expected_version,
    )
    write_header(state.header._replace(**changes), event.header_changed.header)
    event.header_changed.fields.extend(sorted(changes))
    (committed,) = session.engine.writer.commit([Draft(event)])
    return receipt_of(session.engine, committed)
