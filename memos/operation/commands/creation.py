"""An `add`, checked whole before anything is written, and the event that it becomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, NamedTuple

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.keys.envelope import command_mac, new_key, seal_body
from memos.kernel.cube import Form, Header
from memos.kernel.errors import InvalidInput
from memos.kernel.event import Kind
from memos.kernel.header import write_header
from memos.kernel.scope import check_scope, tenant_of
from memos.operation import validation as validate
from memos.operation.commands.draft import Source, add_sources, fill_body, new_event, payload
from memos.operation.commands.tags import check_tags
from memos.operation.session import Session
from memos.wire.body_pb2 import Body, Turn

_GOVERNANCE_FIELDS = (
    "owner",
    "readers",
    "writers",
    "priority",
    "sensitivity",
    "purpose",
    "lifespan",
)

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
        *_GOVERNANCE_FIELDS,
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
    scope = check_scope(item.get("scope"))
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
    tenant = tenant_of(addition.scope)
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
