"""Commands become events: ids, header facts, keyed digests and the sealed body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, NamedTuple

from memos.infrastructure.engine import Draft
from memos.infrastructure.keys.envelope import command_mac, new_key, seal_body
from memos.interface import validate
from memos.interface.session import SERVICE, Session
from memos.interface.tagging import check_tags
from memos.kernel.cube import PARTS, Form, Header
from memos.kernel.errors import InvalidInput
from memos.kernel.event import DETAILS, SCHEMA, Kind
from memos.kernel.header import write_header
from memos.kernel.lineage import Relation
from memos.wire.body_pb2 import Body, Turn
from memos.wire.event_pb2 import Event

# Plain numbers: a flag enum costs microseconds on the way of every write.
_CONTENT, _TAGS, _PROVENANCE, _METADATA, _VALID_TIME = map(int, PARTS)


_PROVENANCE_FIELDS = ("source", "origin", "semantic_type")
_GOVERNANCE_FIELDS = (
    "owner",
    "readers",
    "writers",
    "priority",
    "sensitivity",
    "purpose",
    "lifespan",
)


class Source(NamedTuple):
    """An earlier version that a new one takes content from."""

    relation: Relation
    cube_id: bytes
    version: int
    digest: bytes


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
        tenant=scope.partition("/")[0],
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


def add_sources(event: Event, sources: Iterable[Source]) -> None:
    """Name what the event's content comes from."""
    for source in sources:
        edge = event.edges.add(relation=source.relation.value)
        edge.other.cube_id = source.cube_id
        edge.other.version = source.version
        edge.other.digest = source.digest


def fill_body(body: Body, fields: Mapping[str, Any]) -> int:
    """Put checked fields into a body; the bit set of the parts that they supply."""
    parts = 0
    if "text" in fields:
        body.content.media_type = "text/plain"
        body.content.inline = validate.check_text(fields["text"])
        parts |= _CONTENT
    if "payload" in fields:
        body.content.media_type, body.content.inline = fields["payload"]
        parts |= _CONTENT
    if "tags" in fields:
        body.tags.tags.extend(validate.check_names(fields["tags"], "tags"))
        body.tags.SetInParent()
        parts |= _TAGS
    if not fields.keys().isdisjoint(_PROVENANCE_FIELDS):
        for name in _PROVENANCE_FIELDS:
            if fields.get(name):
                setattr(body.provenance, name, validate.check_name(fields[name], name))
        body.provenance.SetInParent()
        parts |= _PROVENANCE
    if "metadata" in fields:
        body.metadata.json = validate.check_metadata(fields["metadata"])
        parts |= _METADATA
    if "valid_from" in fields or "valid_until" in fields:
        _fill_valid_time(body, fields.get("valid_from"), fields.get("valid_until"))
        parts |= _VALID_TIME
    if fields.get("reason"):
        body.reason = validate.check_name(fields["reason"], "reason")
    return parts


def _fill_valid_time(body: Body, valid_from: object, valid_until: object) -> None:
    valid = body.valid_time
    valid.SetInParent()
    if valid_from is not None:
        setattr(valid, "from", validate.check_time(valid_from, "valid_from"))
    if valid_until is not None:
        valid.until = validate.check_time(valid_until, "valid_until")
    if valid.HasField("from") and valid.HasField("until") and getattr(valid, "from") >= valid.until:
        raise InvalidInput("valid_until must be later than valid_from")


def payload(data: object, media_type: object) -> tuple[str, bytes]:
    """Checked bytes of a media type other than text."""
    name = validate.check_name(media_type, "media_type")
    kind, slash, subtype = name.partition("/")
    if not (kind and slash and subtype) or not isinstance(data, bytes):
        raise InvalidInput("content must be bytes, and media_type look like image/png")
    if len(data) > validate.MAX_TEXT_BYTES:
        raise InvalidInput(
            f"the content has {len(data):,} bytes; at most {validate.MAX_TEXT_BYTES:,} fit: keep "
            "it elsewhere and store a reference"
        )
    return name, data


ADD_FIELDS = frozenset(
    [
        "text",
        "content",
        "media_type",
        "scope",
        "source",
        "subject",
        "origin",
        "semantic_type",
        "valid_from",
        "valid_until",
        "tags",
        "metadata",
        "owner",
        "readers",
        "writers",
        "priority",
        "sensitivity",
        "purpose",
        "lifespan",
        "derived_from",
        "idempotency_key",
    ]
)


class Addition(NamedTuple):
    """A checked `add`: everything but ids, so that nothing is written when one item is wrong."""

    scope: str
    subject: str
    body: Body
    parts: int
    header: Header
    sources: tuple[Source, ...]
    subjects: tuple[bytes, ...]
    source: str
    key: str | None
    command: Mapping[str, Any]


def check_addition(
    session: Session,
    item: Mapping[str, Any],
    sources: Iterable[Source] = (),
    subjects: Iterable[bytes] = (),
    turn: Turn | None = None,
) -> Addition:
    """Check the arguments of one `add`; `turn` places it in a conversation.

    Raises:
        InvalidInput: an argument is unknown or does not fit.
    """
    unknown = item.keys() - ADD_FIELDS
    if unknown:
        raise InvalidInput(
            f"add knows no argument {min(unknown)!r}; it takes {', '.join(sorted(ADD_FIELDS))}"
        )
    item = {name: _as_list(value) for name, value in item.items()}
    if item.get("text") is None and item.get("content") is None:
        raise InvalidInput("a memory needs a text (or content with its media_type)")
    scope = validate.check_scope(item.get("scope"))
    source = validate.check_name(item.get("source") or "", "source", empty=True)
    fields = {
        "tags": item.get("tags") or (),
        "metadata": item.get("metadata") or {},
        "source": source,
        "origin": item.get("origin"),
        "semantic_type": item.get("semantic_type"),
        "valid_from": item.get("valid_from"),
        "valid_until": item.get("valid_until"),
    }
    if item.get("text") is not None:
        fields["text"] = item["text"]
    else:
        fields["payload"] = payload(item["content"], item.get("media_type"))
    body = Body()
    parts = fill_body(body, fields)
    check_tags(session, scope, body.tags.tags)
    if turn is not None:
        body.provenance.turn.CopyFrom(turn)
    subject = validate.check_name(item.get("subject") or scope, "subject")
    key = item.get("idempotency_key")
    return Addition(
        scope,
        subject,
        body,
        parts,
        check_header(session, item),
        tuple(sources),
        tuple(subjects),
        source,
        None if key is None else validate.check_name(key, "idempotency_key"),
        item,
    )


def _as_list(value: Any) -> Any:
    """Sets and iterators as lists in one order: a retry must be seen to ask for the same."""
    if isinstance(value, Set):
        return sorted(value, key=repr)
    return list(value) if isinstance(value, Iterator) else value


def check_header(session: Session, item: Mapping[str, Any]) -> Header:
    """The governance facts of a new cube; the owner is the actor unless another is named."""
    if not any(map(item.get, _GOVERNANCE_FIELDS)):
        return Header(session.actor)
    lifespan = item.get("lifespan")
    if isinstance(lifespan, Mapping):
        unknown = lifespan.keys() - {"after", "renewed_by_access", "then", "half_life"}
        if unknown:
            raise InvalidInput(f"a lifespan has no {min(unknown)!r}")
        lifespan = validate.check_lifespan(
            lifespan.get("after"),
            session.clock(),
            **{name: value for name, value in lifespan.items() if name != "after"},
        )
    elif lifespan is not None:
        lifespan = validate.check_lifespan(lifespan, session.clock())
    return Header(
        validate.check_name(item.get("owner") or session.actor, "owner"),
        validate.check_names(item.get("readers") or (), "readers"),
        validate.check_names(item.get("writers") or (), "writers"),
        lifespan,
        validate.check_priority(item.get("priority") or 0),
        validate.check_name(item.get("sensitivity") or "", "sensitivity", empty=True),
        validate.check_name(item.get("purpose") or "", "purpose", empty=True),
    )


def draft_addition(
    session: Session, addition: Addition, operation_id: bytes = b"", number: int = 0
) -> Draft:
    """The event of a checked `add`, sealed under the new cube's own key."""
    tenant = addition.scope.partition("/")[0]
    event_id = cube_id = digest = b""
    if addition.key is not None:
        event_id, cube_id, digest = session.keyed_ids(
            tenant, (session.actor, "add", addition.scope, addition.key, number)
        )
    cube_id = cube_id or session.new_id()
    event = new_event(
        session,
        Kind.GENERATED,
        cube_id,
        addition.scope,
        operation_id=operation_id,
        event_id=event_id,
    )
    event.generated.form = Form.PLAINTEXT.value  # type: ignore[assignment]
    write_header(addition.header, event.generated.header)
    subject = session.subject_digest(tenant, addition.subject)
    event.subject_digests.extend(sorted({subject, *addition.subjects}))
    event.parts = addition.parts
    if addition.source:
        event.source_digests.extend(session.source_digests(tenant, addition.source))
    add_sources(event, addition.sources)
    known = None if addition.key is None else session.cube_key(cube_id)
    key = known or new_key()
    if addition.key is not None:
        event.idempotency_digest = digest
        event.command_mac = command_mac(key, dict(addition.command))
    seal_body(key, event, addition.body)
    return Draft(event, addition.body, key, is_new=addition.key is None)
