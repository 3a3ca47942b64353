"""Events of strangers: what no release of MemOS writes into an envelope.

Whatever is in a log is folded, for nothing is skipped; what comes from another vault is held against
this before it is taken. Values are found by the message's descriptor, so that a new field is judged
by its type without a word here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

from memos.kernel.cube import ALL_PARTS
from memos.kernel.event import Kind
from memos.kernel.keyed_digest import DIGEST_BYTES
from memos.kernel.lineage import ID_BYTES
from memos.kernel.scope import tenant_of
from memos.kernel.tenant import TENANT_KINDS, is_reserved
from memos.wire.event_pb2 import Event

Field = Any
"""A FieldDescriptor, of whichever implementation of protobuf is at work."""

SHA256_BYTES = 32
MAX_TEXT_BYTES = 1024
MAX_NUMBER_BITS = 63

_OF_ANY_SIZE = frozenset({"box", "policy_digest", "manifest_digest"})
"""A sealed body is judged where it is opened; the others are only compared."""

_IDS = frozenset({"replaces"})
"""Those whose names do not end in _id."""

_HASHES = frozenset({"digest", "secret_digest"})
"""SHA-256 of what they name. Every other digest is keyed: keys are stored by some of them, joined."""

_NEEDED = frozenset({"cube_id", "relation", "action", "role"})
"""What a message that can say it must say."""


def objection(event: Event) -> str:
    """Why an event is none that a release of MemOS writes; empty where it may be one."""
    for message, path in _messages(event, ""):
        for field in message.DESCRIPTOR.fields:
            reason = _objection(message, field)
            if reason:
                return f"{path}{field.name} {reason}"
    if tenant_of(event.scope) != event.tenant:
        return "scope is of another tenant"
    if is_reserved(event.cube_id) and event.kind not in TENANT_KINDS:
        return "cube_id is one that only a tenant's own cube has"
    if event.parts > ALL_PARTS:
        return f"parts has the bits {event.parts:#x}, which are not known"
    if event.kind == Kind.GENERATED and not event.subject_digests:
        return "subject_digests is empty: nobody could have it erased"
    return ""


def _messages(message: Message, path: str) -> Iterator[tuple[Message, str]]:
    """A message and all within it, each with the path of its fields."""
    yield message, path
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in value if field.is_repeated else (value,):
                yield from _messages(one, f"{path}{field.name}.")


def _objection(message: Message, field: Field) -> str:
    if field.message_type is not None:
        return ""
    value = getattr(message, field.name)
    if not field.is_repeated and not value:
        return "is missing" if field.name in _NEEDED else ""
    for one in value if field.is_repeated else (value,):
        if reason := _reason(field, one):
            return reason
    return ""


def _reason(field: Field, value: object) -> str:
    if isinstance(value, bytes):
        return _size_of(field.name, len(value))
    if isinstance(value, str):
        size = len(value.encode())
        return f"has {size} bytes, more than {MAX_TEXT_BYTES}" if size > MAX_TEXT_BYTES else ""
    if field.enum_type is not None and value not in field.enum_type.values_by_number:
        return f"is {value}, which is not known"
    if isinstance(value, int) and value >> MAX_NUMBER_BITS not in (0, -1):
        return f"is {value}, more than can be kept"
    return ""


def _size_of(name: str, size: int) -> str:
    if name in _OF_ANY_SIZE:
        return ""
    if name.endswith("_id") or name in _IDS:
        return "" if size == ID_BYTES else f"has {size} bytes, and an id has {ID_BYTES}"
    fitting = SHA256_BYTES if name in _HASHES else DIGEST_BYTES
    return "" if size == fitting else f"has {size} bytes, and such a digest has {fitting}"
