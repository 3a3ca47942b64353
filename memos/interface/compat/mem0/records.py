"""Memories as mem0 shows them, and their history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from hashlib import md5
from typing import Any

from memos.interface.compat.mem0.entities import ENTITIES, entities_of
from memos.kernel.errors import InvalidInput
from memos.operation.cube import MemCube
from memos.operation.plain import plain
from memos.operation.reads.history import Change
from memos.operation.receipt import Receipt
from memos.operation.search.hits import Hit

EXPIRATION, EXPIRES = "expiration_date", "mem0:expires"
_EXPIRATION_FIELD = f"metadata.{EXPIRATION}"
PROMOTED = (*ENTITIES, "actor_id", "role", "attributed_to", EXPIRATION)
"""What stands in the metadata of a memory, and in mem0's record beside it."""

IDENTITY = (*ENTITIES, "actor_id")
"""What says whose a memory is; no caller sets it through metadata."""

_OUT_OF_SIGHT = ("Archived", "Expired", "Merged")


def record_of(memory: MemCube | Hit, base: str, **more: Any) -> dict[str, Any]:
    """A memory as mem0's item, with what else it has, such as `score`.

    Args:
        memory: the memory.
        base: the scope that all memories lie below.
        more: stands behind the metadata.
    """
    metadata = dict(memory.metadata) | entities_of(base, memory.scope)
    return {
        "id": memory.cube_id,
        "memory": memory.text,
        "hash": hash_of(memory.text),
        "metadata": {key: metadata[key] for key in metadata if key not in PROMOTED} or None,
        **more,
        "created_at": memory.created.isoformat(),
        "updated_at": memory.changed.isoformat(),
        **{key: metadata[key] for key in PROMOTED if key in metadata},
    }


def added_of(receipt: Receipt, text: str, **more: Any) -> dict[str, Any]:
    """A new memory as `add` gives it back."""
    return {"id": receipt.cube_id, "memory": text, "event": "ADD", **more}


def hash_of(text: str) -> str:
    """mem0's hash of a text: MD5, for nothing but telling equal texts."""
    return md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def history_of(changes: Iterable[Change], metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What happened to a memory, oldest first: ADD, UPDATE and DELETE; what came back is added again.

    Args:
        changes: everything attempted on it.
        metadata: that which it began with.
    """
    return list(_rows(changes, metadata))


def _rows(changes: Iterable[Change], metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    shown: str | None = None
    created = ""
    for change in changes:
        if change.state is None:  # it was rejected
            continue
        text = None if change.state in _OUT_OF_SIGHT else change.text
        time = change.entry.log_time.isoformat()
        created = created or time
        event = _event(shown, text, change.entry.kind)
        if event:
            yield {
                "id": change.entry.event_id,
                "memory_id": change.entry.cube_id,
                "old_memory": shown,
                "new_memory": text,
                "event": event,
                "created_at": created,
                "updated_at": time,
                "is_deleted": event == "DELETE",
                "actor_id": metadata.get("actor_id"),
                "role": metadata.get("role"),
            }
        shown = text


def _event(before: str | None, after: str | None, kind: str) -> str:
    """mem0's word for a change; empty where mem0 knows of none."""
    if before is None:
        return "" if after is None else "ADD"
    if after is None:
        return "DELETE"
    return "UPDATE" if after != before or kind in ("Revised", "RolledBack") else ""


def expiration_from(value: Any) -> str | None:
    """A day as YYYY-MM-DD: until its end in UTC a memory is shown.

    Raises:
        InvalidInput: it is no day.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    try:
        return date.fromisoformat(plain(value)).isoformat()
    except (TypeError, ValueError):
        raise InvalidInput("expiration_date must be a valid date in YYYY-MM-DD format.") from None


def expiry_tags(metadata: Mapping[str, Any]) -> list[str]:
    """The tag by which the index finds what expires some day."""
    return [] if metadata.get(EXPIRATION) is None else [EXPIRES]


def not_expired() -> dict[str, Any]:
    """The filter of what has not expired by now."""
    return {"or": [{_EXPIRATION_FIELD: {"exists": False}}, {_EXPIRATION_FIELD: {"gte": _today()}}]}


def has_expired() -> dict[str, Any]:
    """The filter of what has expired by now: the index narrows it to what expires some day."""
    return {"and": [{"tags": EXPIRES}, {_EXPIRATION_FIELD: {"lt": _today()}}]}


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
