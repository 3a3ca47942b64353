"""From a checked command to an event that can be appended: envelope, edges, sealed body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.keys.envelope import command_mac, new_key, seal_body
from memos.kernel.cube import Form, Header
from memos.kernel.event import DETAILS, SCHEMA, Kind
from memos.kernel.header import write_header
from memos.kernel.lineage import Relation
from memos.kernel.scope import tenant_of
from memos.operation.commands.new_memory import NewMemory
from memos.operation.session import SERVICE, Session
from memos.wire.event_pb2 import Event


class SourceVersion(NamedTuple):
    """An earlier version that a new one takes content from."""

    relation: Relation
    cube_id: bytes
    version: int
    digest: bytes


class Sources(NamedTuple):
    """Earlier versions, and the digests of all their subjects, in order."""

    versions: tuple[SourceVersion, ...] = ()
    subjects: tuple[bytes, ...] = ()


NO_SOURCES = Sources()


def new_event(
    session: Session,
    kind: Kind,
    cube_id: bytes,
    scope: str,
    *,
    operation_id: bytes = b"",
    event_id: bytes = b"",
    expected_version: int | None = None,
) -> Event:
    """An event's envelope. Without an operation of its own it is its own operation."""
    event_id = event_id or session.new_id()
    event = Event(
        event_id=event_id,
        schema_major=SCHEMA[0],
        schema_minor=SCHEMA[1],
        kind=kind.value,  # type: ignore[arg-type]
        tenant=tenant_of(scope),
        scope=scope,
        actor=session.actor,
        cube_id=cube_id,
        operation_id=operation_id or event_id,
        client_time=session.clock(),
        policy_digest=session.governor.digest,
        service=SERVICE,
    )
    if expected_version is not None:
        event.expected_version = expected_version
    getattr(event, DETAILS[kind]).SetInParent()
    return event


def operation_event(session: Session, kind: Kind, operation_id: bytes, tenant: str) -> Event:
    """The event of an operation over several cubes: on a cube of its own, the operation."""
    return new_event(session, kind, operation_id, tenant, operation_id=operation_id)


def add_sources(event: Event, sources: Iterable[SourceVersion]) -> None:
    """Name what the event's content comes from."""
    for source in sources:
        edge = event.edges.add(relation=source.relation.value)
        edge.other.cube_id = source.cube_id
        edge.other.version = source.version
        edge.other.digest = source.digest


def create_cube(
    session: Session,
    memory: NewMemory,
    sources: Sources = NO_SOURCES,
    *,
    cube_id: bytes = b"",
    header: Header | None = None,
    operation_id: bytes = b"",
    number: int = 0,
) -> Draft:
    """The first event of a cube, sealed under a key of its own: the one place that makes cubes.

    Args:
        session: the open vault.
        memory: what it is to hold.
        sources: what its content comes from; its subjects are the memory's and all theirs.
        cube_id: its id, where it is looked up by one that comes from elsewhere.
        header: its header, where it is another cube's.
        operation_id: the operation that it is part of.
        number: of several memories under one idempotency key, which.
    """
    tenant = tenant_of(memory.scope)
    digests = session.digests
    is_new = memory.idempotency_key is None and not cube_id
    event_id = digest = b""
    if memory.idempotency_key is not None:
        named = (session.actor, "add", memory.scope, memory.idempotency_key, number)
        event_id, cube_id, digest = digests.keyed_ids(tenant, named)
    cube_id = cube_id or session.new_id()
    event = new_event(
        session,
        Kind.GENERATED,
        cube_id,
        memory.scope,
        operation_id=operation_id,
        event_id=event_id,
    )
    event.generated.form = Form.PLAINTEXT.value  # type: ignore[assignment]
    write_header(header or memory.header(session.actor, session.clock), event.generated.header)
    subject = digests.subject(tenant, memory.subject or memory.scope)
    event.subject_digests.extend(sorted({subject, *sources.subjects}))
    event.parts = memory.parts
    if memory.source:
        event.source_digests.extend(digests.sources(tenant, memory.source))
    add_sources(event, sources.versions)
    key = new_key()
    if memory.idempotency_key is not None:
        key = _kept_key(session, cube_id) or key
        event.idempotency_digest = digest
        event.command_mac = command_mac(key, dict(memory.asked))
    seal_body(key, event, memory.body)
    return Draft(event, memory.body, key, is_new=is_new)


def _kept_key(session: Session, cube_id: bytes) -> bytes | None:
    """The key of a cube that is there already: a retry is compared under it."""
    with session.engine.read() as reader:
        return reader.cube_key(cube_id)
