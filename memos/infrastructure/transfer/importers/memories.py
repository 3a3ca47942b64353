"""Memories as MemOS itself writes them for people and programs: `memories.jsonl` of an export, and the
JSON that commands print.
"""

from __future__ import annotations

from typing import Any

from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, listing, present
from memos.kernel.errors import Refused

_READ = ("Generated", "Activated", "Frozen")
_OWN_RECORDS = "application/vnd.memos."
"""What media types of MemOS's own records begin with: vocabularies, and what facts were read from."""
_TEXTS = ("source", "semantic_type", "sensitivity", "purpose")


def read(document: Document, reading: Reading) -> list[Item]:
    """Read memories as they are; with their history and keys an export is loaded, not imported."""
    value = document.value
    if isinstance(value, dict) and "result" in value:
        value = value["result"]
    entries = [value] if isinstance(value, dict) else listing(value, "the memories")
    items: list[Item] = []
    for place, given in document.numbered(entries, "memory"):
        with reading.gathering(), reading.fields(_bare(given), place, "memory") as memory:
            items += _item(memory)
    return items


def _bare(given: Any) -> Any:
    """A memory out of the envelope of a command that printed it on a line of its own."""
    return given["result"] if isinstance(given, dict) and "result" in given else given


def _item(memory: Fields) -> list[Item]:
    own, state = memory.needed("cube_id"), memory.text("state")
    media_type = memory.text("media_type")
    memory.take("version", "created", "changed", "position", "score", "explain")
    if state not in ("", *_READ):
        memory.reading.skipped.append(f"{memory.where}: memory {own} is {state}")
        memory.drop()
        return []
    if media_type.startswith(_OWN_RECORDS):
        memory.reading.skipped.append(
            f"{memory.where}: {own} is a record of MemOS's own ({memory.text('semantic_type')})"
        )
        memory.drop()
        return []
    text = memory.text("text")
    if not text:
        raise Refused(
            f"{memory.where}: memory {own} has no text here: load the export, which has its content"
        )
    fields = present(
        text=text,
        tags=memory.list("tags") or None,
        metadata=memory.object("metadata") or None,
        valid_from=memory.time("valid_from"),
        valid_until=memory.time("valid_until"),
        readers=memory.list("readers") or None,
        writers=memory.list("writers") or None,
        priority=memory.take("priority"),
        **{name: memory.text(name) or None for name in _TEXTS},
    )
    frozen = state == "Frozen"
    return [Item(memory.where, own, fields, memory.text("scope"), id=own, frozen=frozen)]
