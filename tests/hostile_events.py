"""Events and bodies as no release writes them, field by field, as the messages' descriptors tell.

A field that is added to event.proto or body.proto is fuzzed without a word here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from memos.infrastructure.keys.envelope import encrypt, seal_body
from memos.kernel.event import DETAILS, SCHEMA, Kind
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event

UNTOUCHED = frozenset({"schema_major", "schema_minor", "kind"})
"""A newer schema stops its partition aloud, and another kind has another detail: no event then."""

HUGE_TEXT = "\U0001f3fa" * 20_000

INTEGERS = {
    "uint32": (0, 1, 255, 2**31, 2**32 - 1),
    "uint64": (0, 2**31, 2**62, 2**63, 2**64 - 1),
    "int32": (-1, 2**31 - 1, -(2**31)),
    "int64": (-1, 2**61, 2**63 - 1, -(2**63)),
}
TYPES = {1: "double", 3: "int64", 4: "uint64", 5: "int32", 13: "uint32", 17: "int32", 18: "int64"}


def hostile_values(field: Any) -> tuple[Any, ...]:
    """Values of a field that is no message."""
    if field.enum_type is not None:
        return (0, 99, 300, -7, 2**31 - 1)
    if field.type == field.TYPE_BOOL:
        return (True,)
    if field.type == field.TYPE_STRING:
        return ("", "\x00", "../..", "\u202e\ud7ff", "x" * 2000, HUGE_TEXT)
    if field.type == field.TYPE_BYTES:
        deep = b'{"a":' * 200 + b"1" + b"}" * 200
        return (b"", b"\xff", b"\x00" * 15, b"\x01" * 16, b"\xfe" * 70_000, b"[1]", b"NaN", deep)
    return INTEGERS[TYPES[field.type]]


def mutations(message: Message, path: str = "", depth: int = 3) -> Iterator[tuple[str, Message]]:
    """The message with one field given a hostile value: each field, within what it holds too."""
    for field in message.DESCRIPTOR.fields:
        name = f"{path}{field.name}"
        if field.name in UNTOUCHED or (not path and _is_detail(message, field)):
            continue
        if field.message_type is None:
            for value in hostile_values(field):
                changed = type(message)()
                changed.CopyFrom(message)
                _put(changed, field, value)
                yield f"{name}={_shown(value)}", changed
        elif depth:
            inner = _inner(message, field)
            for told, one in mutations(inner, f"{name}.", depth - 1):
                changed = type(message)()
                changed.CopyFrom(message)
                _put(changed, field, one)
                yield told, changed


def _is_detail(message: Message, field: Any) -> bool:
    """Whether a field of an event is the detail of another kind."""
    oneof = field.containing_oneof
    return oneof is not None and oneof.name == "detail" and not message.HasField(field.name)


def _inner(message: Message, field: Any) -> Message:
    held = getattr(message, field.name)
    if not field.is_repeated:
        return held  # type: ignore[no-any-return]
    return held[0] if held else GetMessageClass(field.message_type)()


def _put(message: Message, field: Any, value: Any) -> None:
    if field.is_repeated:
        held = getattr(message, field.name)
        del held[:]
        held.extend([value, value])
    elif isinstance(value, Message):
        getattr(message, field.name).CopyFrom(value)
        getattr(message, field.name).SetInParent()
    else:
        setattr(message, field.name, value)


def _shown(value: Any) -> str:
    return repr(value) if len(repr(value)) < 30 else f"{type(value).__name__} of {len(value)}"


def base_event(kind: Kind, ids: dict[str, bytes], scope: str, version: int) -> Event:
    """An event of a kind on a cube, as a release would write it; without its own id."""
    event = Event(
        schema_major=SCHEMA[0],
        schema_minor=SCHEMA[1],
        kind=int(kind),  # type: ignore[arg-type]
        tenant=scope.partition("/")[0],
        scope=scope,
        actor="agent:mallory",
        cube_id=ids["cube"],
        operation_id=ids["operation"],
        client_time=10**15,
    )
    getattr(event, DETAILS[kind]).SetInParent()
    if kind is Kind.LINKED:
        edge = event.edges.add(relation=1)
        edge.other.cube_id, edge.other.version, edge.other.digest = ids["other"], 1, bytes(32)
    elif kind is Kind.HEADER_CHANGED:
        event.header_changed.header.owner = "agent:alice"
        event.header_changed.fields.append("lifespan")
    elif kind is Kind.ROLLED_BACK:
        target = event.rolled_back.targets.add(cube_id=ids["cube"], scope=scope, to_version=1)
        target.action, target.expected_sequence = 1, version  # type: ignore[assignment]
    return event


def hostile_bodies() -> Iterator[tuple[str, Body]]:
    """A body with every part, one value of it hostile."""
    body = Body()
    body.content.media_type, body.content.inline = "text/plain", b"poisoned pottery"
    body.tags.tags.append("craft")
    body.provenance.source = "web:a"
    body.metadata.json = b"{}"
    setattr(body.valid_time, "from", 10**15)
    for told, changed in mutations(body):
        assert isinstance(changed, Body)
        yield f"body.{told}", changed


def sealed(event: Event, key: bytes, body: Body) -> Event:
    """The event with a body of its cube, of all parts."""
    event.parts = 31
    seal_body(key, event, body)
    return event


def sealed_noise(event: Event, key: bytes) -> Event:
    """The event with a body that opens, and is none."""
    sealed(event, key, Body())
    binding = b"memos/body/v1\n" + event.event_id + event.cube_id + event.tenant.encode()
    event.body.box = encrypt(key, b"\xff\xff\xff", binding)
    return event
