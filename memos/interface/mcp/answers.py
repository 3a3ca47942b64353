"""How memories look to a model: what is empty, and what only programs need, stays out of its context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from memos.interface.serialise import plain

if TYPE_CHECKING:
    from memos.operation.cube import Forgotten, MemCube
    from memos.operation.reads.accesses import AccessEntry
    from memos.operation.reads.history import Change
    from memos.operation.receipt import Receipt
    from memos.operation.search.hits import Hit

Answer = dict[str, Any]

_ADDRESS = ("scope", "version", "state", "text")
_TOLD_OF_A_LIST = (*_ADDRESS, "source", "tags", "valid_from", "valid_until", "changed")
_TOLD_OF_A_MEMORY = (
    *_TOLD_OF_A_LIST,
    "metadata",
    "semantic_type",
    "origin",
    "media_type",
    "owner",
    "readers",
    "writers",
    "sensitivity",
    "purpose",
    "created",
    "uses",
)


def memory_answer(cube: MemCube | Forgotten) -> Answer:
    """One memory, whole; of what is no text, its media type and size."""
    told = _told(cube, _TOLD_OF_A_MEMORY)
    payload = getattr(cube, "payload", b"")
    return {**told, "payload_bytes": len(payload)} if payload else told


def listed_answer(cube: MemCube) -> Answer:
    """One memory of several."""
    return _told(cube, _TOLD_OF_A_LIST)


def hit_answer(hit: Hit) -> Answer:
    """One found memory, with its score."""
    return {**_told(hit, _TOLD_OF_A_LIST), "score": round(hit.score, 4)}


def receipt_answer(receipt: Receipt) -> Answer:
    """What a write did."""
    return _told(receipt, ("version", "event_id", "operation_id", "rejected"))


def change_answer(change: Change) -> Answer:
    """One attempt on a memory: who, when, what became of it, and the text that it left."""
    entry = _filled(
        plain(change.entry), ("kind", "actor", "log_time", "result", "reason", "source", "event_id")
    )
    return {**entry, **_filled(plain(change), ("version", "state", "text", "damaged"))}


def access_answers(entries: Iterable[AccessEntry]) -> list[Answer]:
    """Who did what, when; of what was refused, by which rule."""
    return [_filled(plain(entry), ("time", "actor", "action", "rule")) for entry in entries]


def sendable(value: Any) -> Any:
    """An answer without half surrogate pairs, which memories may have and UTF-8 has not."""
    match value:
        case str() if not value.isascii():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case dict():
            return {sendable(name): sendable(item) for name, item in value.items()}
        case list():
            return [sendable(item) for item in value]
        case _:
            return value


def _told(value: MemCube | Forgotten | Hit | Receipt, names: Iterable[str]) -> Answer:
    return {"id": value.cube_id, **_filled(plain(value), names)}


def _filled(values: Mapping[str, Any], names: Iterable[str]) -> Answer:
    return {name: values[name] for name in names if values.get(name) not in (None, "", [], {})}
