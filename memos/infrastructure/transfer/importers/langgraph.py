"""Rows of a LangGraph store: items as its API gives them, and rows of its SQL tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memos.infrastructure.transfer.importers.content import as_text
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, mapping, parse_json, present
from memos.infrastructure.transfer.importers.turns import segment
from memos.kernel.errors import Refused

_TEXTS = ("text", "content", "memory", "data", "value")


def read(document: Document, reading: Reading) -> list[Item]:
    """Read items; each namespace is a scope."""
    items: list[Item] = []
    entries = document.entries("items", "rows", called="the rows")
    for place, given in document.numbered(entries, "row"):
        with reading.gathering(), reading.fields(given, place, "row") as row:
            items.append(_item(row))
    return items


def _item(row: Fields) -> Item:
    namespace, key = _namespace(row), row.needed("key")
    value = row.take("value")
    value = parse_json(value, row.where) if isinstance(value, str) else value
    text, metadata = _split(mapping({} if value is None else value, f"{row.where}: its value"))
    if not text.strip():
        raise Refused(f"{row.where}: its value is empty")
    until = row.time("expires_at")
    row.take("updated_at", "score", "ttl_minutes")
    scope = "/".join(segment(name) for name in namespace)
    fields = present(
        text=text,
        metadata={**metadata, "namespace": list(namespace), "key": key},
        valid_from=row.time("created_at"),
        valid_until=until,
        lifespan=None if until is None else {"until": until},
    )
    return Item(row.where, "/".join((*namespace, key)), fields, scope, id=key)


def _namespace(row: Fields) -> tuple[str, ...]:
    """The namespace of a row: a list, or in a table its parts with dots between."""
    given = row.take("namespace", "prefix", "namespace_path")
    parts = given.split(".") if isinstance(given, str) else given or []
    if not isinstance(parts, list) or not all(isinstance(part, str) and part for part in parts):
        raise Refused(f"{row.where}: its namespace must be a list of texts")
    return tuple(parts)


def _split(value: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The words of a value, and what else it says; a value without words is its own text."""
    if isinstance(value.get("content"), dict) and "kind" in value:  # as LangMem writes it
        text, rest = _split(value["content"])
        return text, {**rest, "kind": value["kind"]}
    for name in _TEXTS:
        if isinstance(value.get(name), str):
            return value[name], {key: inner for key, inner in value.items() if key != name}
    return (as_text(value), {}) if value else ("", {})
