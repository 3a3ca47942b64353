"""Memories as MemOS itself writes them for people and programs: `memories.jsonl` of an export, and the
JSON that commands print.
"""

from __future__ import annotations

import re
from typing import Any

from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, listing, present
from memos.kernel.errors import Refused

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_READ = ("Generated", "Activated", "Frozen")
_OWN_RECORDS = "application/vnd.memos."
"""What media types of MemOS's own records begin with: vocabularies, and what facts were read from."""
PROTECTIONS = ("readers", "writers", "sensitivity")
NOT_PRINTED = "not in what was printed"
_LISTS = ("memories", "hits")
_TEXTS = ("source", "semantic_type", "sensitivity", "purpose")


def read(document: Document, reading: Reading) -> list[Item]:
    """Read memories as they are; with their history and keys an export is loaded, not imported."""
    value = bare(document.value)
    if is_page(value):
        with reading.fields(value, "the page", "page") as page:
            value = page.list(*_LISTS)
            page.take("explain")
            if page.take("cursor"):
                reading.partial.append("the page: it says that another page follows")
    elif isinstance(value, dict):
        value = [value]
    entries = listing(value, "the memories")
    items: list[Item] = []
    for place, given in document.numbered(entries, "memory"):
        with reading.gathering(), reading.fields(bare(given), place, "memory") as memory:
            items += _item(memory)
    return items


def _count_unprinted(memory: Fields) -> None:
    """Count what a memory may have and a search, say, does not print: it comes in without."""
    if not all(map(memory.is_given, PROTECTIONS)):
        memory.reading.not_kept[f"memory.{', '.join(PROTECTIONS)}, {NOT_PRINTED}"] += 1
    if not memory.is_given("subject"):
        memory.reading.not_kept[f"memory.subject, {NOT_PRINTED}"] += 1


def bare(given: Any) -> Any:
    """What a command printed, out of its envelope."""
    return given["result"] if isinstance(given, dict) and "result" in given else given


def is_page(value: Any) -> bool:
    """Whether it is what a command gives that prints several memories."""
    return isinstance(value, dict) and any(isinstance(value.get(name), list) for name in _LISTS)


def _item(memory: Fields) -> list[Item]:
    own, state = memory.needed("cube_id"), memory.text("state")
    media_type = memory.text("media_type")
    memory.take("version", "created", "changed", "position", "score", "explain", "why")
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
    if _ID.fullmatch(own) is None:
        raise Refused(f"{memory.where}: {own!r} is no id of a memory")
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
        subject=memory.text("subject") or None,
        priority=memory.take("priority"),
        **{name: memory.text(name) or None for name in _TEXTS},
    )
    _count_unprinted(memory)
    frozen = state == "Frozen"
    return [Item(memory.where, own, fields, memory.text("scope"), id=own, frozen=frozen)]
