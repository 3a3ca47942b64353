"""From a checked command to an event that can be appended: envelope, edges, sealed body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.governance.decision import digest_of
from memos.infrastructure.keys.envelope import new_key, seal_body
from memos.kernel.cube import Form, Header
from memos.kernel.event import DETAILS, SCHEMA, Kind
from memos.kernel.header import write_header
from memos.kernel.lineage import Relation
from memos.kernel.restriction import Restricted, strictest
from memos.kernel.scope import tenant_of
from memos.operation.begun import has_begun
from memos.operation.commands.idempotency import Identity
from memos.operation.commands.new_memory import NewMemory
from memos.operation.gate import Passage
from memos.operation.receipt import other_content
from memos.operation.session import SERVICE, Session
from memos.wire.event_pb2 import Event


class SourceVersion(NamedTuple):
    """An earlier version that a new one takes content from."""

    relation: Relation
    cube_id: bytes
    version: int
    digest: bytes


class Sources(NamedTuple):
    """Earlier versions, and what comes with content that is taken from them.

    Attributes:
        versions: the earlier versions.
        subjects: the digests of their subjects, in order.
        restricted: what the headers of those restrict from which content is taken.
        labels: the tenant's labels of sensitivity, lowest first.
    """

    versions: tuple[SourceVersion, ...] = ()
    subjects: tuple[bytes, ...] = ()
    restricted: tuple[Restricted, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def cube_ids(self) -> tuple[bytes, ...]:
        """The cubes that they are versions of."""
        return tuple(version.cube_id for version in self.versions)


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
    passage: Passage | None = None,
) -> Event:
    """An event's envelope. Without an operation of its own it is its own operation; it names the
    policy that decided on its passage, or else the one in force.
    """
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
        policy_digest=digest_of(session.governor) if passage is None else passage.policy_digest,
        service=SERVICE,
    )
    if expected_version is not None:
        event.expected_version = expected_version
    getattr(event, DETAILS[kind]).SetInParent()
    has_begun(event)
    return event


def operation_event(
    session: Session,
    kind: Kind,
    operation_id: bytes,
    tenant: str,
    passage: Passage | None = None,
) -> Event:
    """The event of an operation over several cubes: on a cube of its own, the operation."""
    return new_event(
        session, kind, operation_id, tenant, operation_id=operation_id, passage=passage
    )


def add_sources(event: Event, sources: Iterable[SourceVersion], *, binding: bool = False) -> None:
    """Name what the event's content comes from; `binding`: the actor could bind an existing cube to
    the fate of these (what a new cube names always binds it).
    """
    for source in sources:
        edge = event.edges.add(relation=source.relation.value, binding=binding)
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
    identity: Identity | None = None,
    form: Form = Form.PLAINTEXT,
) -> Draft:
    """The first event of a cube, sealed under a key of its own: the one place that makes cubes.

    Args:
        session: the open vault.
        memory: what it is to hold.
        sources: what its content comes from; its subjects are the memory's and all theirs.
        cube_id: its id, where it is looked up by one that comes from elsewhere.
        header: its header, where it is another cube's.
        operation_id: the operation that it is part of.
        identity: what it becomes under its idempotency key, where it has one.
        form: what it holds.

    Raises:
        OtherContent: the key stands for another command already.
    """
    if identity is not None and identity.is_other:
        # Sealed under the key of the cube that is there, it would be opened and erased with that one.
        raise other_content(identity.ids.cube_id)
    tenant = tenant_of(memory.scope)
    digests = session.digests
    is_new = identity is None and not cube_id
    event_id = b""
    if identity is not None:
        event_id, cube_id, _ = identity.ids
    cube_id = cube_id or session.new_id()
    event = new_event(
        session,
        Kind.GENERATED,
        cube_id,
        memory.scope,
        operation_id=operation_id,
        event_id=event_id,
    )
    event.generated.form = form.value  # type: ignore[assignment]
    own = header or memory.header(session.actor, session.clock)
    write_header(derived_header(own, sources), event.generated.header)
    subject = digests.subject(tenant, memory.subject or memory.scope)
    event.subject_digests.extend(sorted({subject, *sources.subjects}))
    event.parts = memory.parts
    if memory.source:
        event.source_digests.extend(digests.sources(tenant, memory.source))
    add_sources(event, sources.versions)
    key = new_key() if identity is None else identity.cube_key
    if identity is not None:
        event.idempotency_digest, event.command_mac = identity.ids.mark(), identity.mac
    seal_body(key, event, memory.body)
    is_kept = identity is not None and identity.is_known
    return Draft(event, memory.body, None if is_kept else key, is_new=is_new)


def derived_header(own: Header, sources: Sources) -> Header:
    """The header of what is made of sources: the strictest of theirs and its own.

    Raises:
        InvalidInput: labels of sensitivity meet that the tenant has not ordered.
    """
    return strictest(own, sources.restricted, sources.labels) if sources.restricted else own
