"""An item of a LangGraph store as a memory, and back.

A namespace is a scope; key and value stand in the metadata, as `key` and `value`; the text is what the item is
searched by. An item that is not to be searched is no text: its content is an empty object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from langgraph.store.base import Item, SearchItem, get_text_at_path

from memos.interface.compat.scopes import names_under
from memos.operation.cube import MemCube
from memos.operation.search.hits import Hit

KEY, VALUE = "key", "value"
UNSEARCHED = "application/json"
WHOLE = "$"
"""The field that stands for all of a value."""

Namespace = tuple[str, ...]


def tag_of(namespace: Namespace, key: str) -> str:
    """The tag that the item of a key has, and no other: the index answers for it."""
    named = json.dumps([*namespace, key])
    return f"langgraph:{sha256(named.encode()).hexdigest()[:32]}"


def body_of(key: str, value: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """The arguments of `Memory.add` that hold an item, its scope and tags apart.

    Args:
        key: the item's.
        value: the item's.
        fields: the paths whose texts it is searched by; none for an item that is not searched.
    """
    text = "\n".join(line for field in fields for line in _texts(value, field))
    metadata = {KEY: key, VALUE: dict(value)}
    if text.strip():
        return {"text": text, "metadata": metadata}
    return {"content": b"{}", "media_type": UNSEARCHED, "metadata": metadata}


def _texts(value: Mapping[str, Any], field: str) -> Iterator[str]:
    if field != WHOLE:
        yield from get_text_at_path(dict(value), field)
        return
    yield from _leaves(value)


def _leaves(value: Any) -> Iterator[str]:
    """The values that hold no others, in their order, as texts."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def is_item(memory: MemCube | Hit) -> bool:
    """Whether a memory is an item, and nothing that another door stored in a namespace."""
    metadata = memory.metadata
    return isinstance(metadata.get(KEY), str) and isinstance(metadata.get(VALUE), Mapping)


def item_of(cube: MemCube, base: str) -> Item:
    """A memory as an item; `base` is the scope of the store."""
    return Item(
        value=dict(cube.metadata[VALUE]),
        key=cube.metadata[KEY],
        namespace=names_under(base, cube.scope) or (),
        created_at=cube.created,
        updated_at=cube.changed,
    )


def found_item(memory: MemCube | Hit, base: str, score: float | None = None) -> SearchItem:
    """A memory as an item that was searched for."""
    return SearchItem(
        namespace=names_under(base, memory.scope) or (),
        key=memory.metadata[KEY],
        value=dict(memory.metadata[VALUE]),
        created_at=memory.created,
        updated_at=memory.changed,
        score=score,
    )
