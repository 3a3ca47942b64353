"""Changes of a cube's header: who may do what with it, and how long it lives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState, Header
from memos.kernel.errors import InvalidInput
from memos.kernel.event import Kind
from memos.kernel.header import write_header
from memos.kernel.restriction import as_used
from memos.operation.commands.change import compose
from memos.operation.commands.draft import Sources, derived_header, new_event
from memos.operation.commands.header_facts import HeaderFacts, LifespanChange
from memos.operation.commands.restriction import require_loosening, restriction_of
from memos.operation.commands.sources import permitted_state
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.operation.validation import check_version
from memos.wire.event_pb2 import Event


def set_header(
    session: Session, cube_id: str, facts: HeaderFacts, expected_version: int | None
) -> Receipt:
    """See `Memory.set_header`."""
    changes = facts.changes()
    if not changes:
        raise InvalidInput("set_header changes nothing: pass owner=, readers=, writers=, ...")
    return _change_header(session, cube_id, lambda header: changes, expected_version)


def set_lifespan(
    session: Session, cube_id: str, change: LifespanChange, expected_version: int | None
) -> Receipt:
    """See `Memory.set_lifespan`."""
    now = session.clock()
    return _change_header(
        session,
        cube_id,
        lambda header: {"lifespan": change.of(header.lifespan, now)},
        expected_version,
    )


def _change_header(
    session: Session,
    cube_id: str,
    changes_of: Callable[[Header], Mapping[str, Any]],
    expected_version: int | None,
) -> Receipt:
    """Append a change of header facts: only the fields that the caller named, as `changes_of` makes them
    of the header that is there.
    """
    if expected_version is not None:
        check_version(expected_version, "expected_version")
    with session.gate.enter("set_header") as passage:
        state = permitted_state(session, passage, cube_id, Action.ADMINISTER)

        def make(reader: Reader, state: CubeState) -> Draft:
            changes = changes_of(state.header)
            header = state.header._replace(**changes)
            require_loosening(passage, reader, state, header)
            return Draft(header_event(session, passage, state, header, changes))

        with session.engine.read() as reader:
            make(reader, state)  # governance is asked outside of the writer's turn, too
        committed = compose(
            session, passage, state.cube_id, Action.ADMINISTER, make, expected_version
        )
        return receipt_of(session.engine, committed)


def header_event(
    session: Session,
    passage: Passage,
    state: CubeState,
    header: Header,
    fields: Iterable[str],
    *,
    expected_version: int | None = None,
    operation_id: bytes = b"",
) -> Event:
    """A change of some fields of a cube's header."""
    event = new_event(
        session,
        Kind.HEADER_CHANGED,
        state.cube_id,
        state.scope,
        expected_version=expected_version,
        operation_id=operation_id,
        passage=passage,
    )
    write_header(header, event.header_changed.header)
    event.header_changed.fields.extend(sorted(fields))
    return event


def narrowed(
    session: Session, passage: Passage, state: CubeState, sources: Sources, operation_id: bytes
) -> list[Draft]:
    """A cube that is linked to where its content is from takes on what that restricts."""
    with session.engine.read() as reader:
        own = as_used(restriction_of(reader, state))
    before, header = state.header, derived_header(own, sources)
    fields = [name for name in Header._fields if getattr(header, name) != getattr(before, name)]
    if not fields:
        return []
    event = header_event(
        session,
        passage,
        state,
        header,
        fields,
        expected_version=state.version,
        operation_id=operation_id,
    )
    return [Draft(event)]
