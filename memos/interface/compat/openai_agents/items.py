"""An item of a conversation as a memory, and back.

The item stands in the metadata; the text is what it says, by which searches find it. An item that says nothing in
words, or is larger than metadata may be, is the content instead, as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import uuid_utils

from memos.kernel.errors import InvalidInput, shorten
from memos.operation.cube import MemCube, as_datetime

if TYPE_CHECKING:
    from agents import TResponseInputItem

ITEM, SEQUENCE = "item", "sequence"
WHOLE = "application/json"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_METADATA_BYTES = 500_000


def body_of(item: TResponseInputItem) -> dict[str, Any]:
    """The arguments of `Memory.add` that hold an item, its scope apart.

    Raises:
        InvalidInput: it is no object of JSON.
    """
    if not isinstance(item, Mapping):
        raise InvalidInput(f"an item of a session is a dictionary, and {shorten(item)} is none")
    try:
        stored = json.dumps(item)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"an item of a session is JSON: {error}") from None
    # Log times do not order what one call writes on servers. These ids rise, in a process and with the clock.
    metadata: dict[str, Any] = {SEQUENCE: str(uuid_utils.uuid7())}
    text = words_of(item)
    if text.strip() and len(stored) <= _MOST_METADATA_BYTES:
        return {"text": text, "metadata": {ITEM: dict(item), **metadata}}
    return {"content": stored.encode(), "media_type": WHOLE, "metadata": metadata}


def is_item(cube: MemCube) -> bool:
    """Whether a memory is an item of a session, and nothing that another door stored there."""
    sequence = cube.metadata.get(SEQUENCE)
    if not isinstance(sequence, str) or not _ID.fullmatch(sequence):
        return False
    return isinstance(cube.metadata.get(ITEM), Mapping) or cube.media_type == WHOLE


def item_of(cube: MemCube) -> TResponseInputItem:
    """A memory as the item that it holds."""
    item = cube.metadata[ITEM] if ITEM in cube.metadata else json.loads(cube.payload)
    return cast("TResponseInputItem", item)


def sequence_of(cube: MemCube) -> str:
    """Where an item stands in its conversation: sequences sort as items follow each other."""
    return str(cube.metadata[SEQUENCE])


def written_at(sequence: str) -> datetime:
    """When whoever wrote an item gave it its sequence."""
    return as_datetime((UUID(sequence).int >> 80) * 1000)


def words_of(item: Mapping[str, Any]) -> str:
    """What an item says: a message's words, a call with its arguments, or what a call gave."""
    if "arguments" in item:
        return f"{item.get('name', 'call')}({item['arguments']})"
    said = item.get("content", item.get("output", item.get("summary", "")))
    return "\n".join(_texts(said))


def _texts(said: Any) -> Iterator[str]:
    if isinstance(said, str):
        yield said
    elif isinstance(said, (list, tuple)):
        for part in said:
            yield from _texts(part)
    elif isinstance(said, Mapping):
        yield from (said[name] for name in ("text", "refusal") if isinstance(said.get(name), str))
