"""What commands put into events: the envelope, where content comes from, and the body's parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from memos.kernel.cube import PARTS
from memos.kernel.errors import InvalidInput
from memos.kernel.event import DETAILS, SCHEMA, Kind
from memos.kernel.lineage import Relation
from memos.kernel.scope import tenant_of
from memos.operation import validation as validate
from memos.operation.session import SERVICE, Session
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event

# Plain numbers: a flag enum costs microseconds on the way of every write.
_CONTENT, _TAGS, _PROVENANCE, _METADATA, _VALID_TIME = map(int, PARTS)


_PROVENANCE_FIELDS = ("source", "origin", "semantic_type")


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
