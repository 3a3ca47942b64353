"""JSON lines: each line an object of `add`'s arguments, `text` at least, and an `id` of its own."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.transfer.importers.item import (
    Item,
    Parsed,
    mapping,
    parse_json,
    read_text,
    text_field,
)
from memos.kernel.errors import Refused, shorten

NOT_HERE = {
    "derived_from": "link the memories after the import",
    "content": "only texts are imported",
    "media_type": "only texts are imported",
}


def parse(path: Path) -> Parsed:
    """Read a file of JSON lines; empty lines are passed over. `scope` lies under the import's."""
    items: list[Item] = []
    refused: list[str] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            try:
                items.append(_item(line, number))
            except Refused as error:
                refused.append(str(error))
    return Parsed(items, [], refused)


def _item(line: str, number: int) -> Item:
    where = f"line {number}"
    fields = dict(mapping(parse_json(line, where), where))
    text_field(fields, "text", where)
    for name, why in NOT_HERE.items():
        if name in fields:
            raise Refused(f"{where}: {name!r} cannot be imported: {why}")
    scope = text_field(fields, "scope", where) if "scope" in fields else ""
    fields.pop("scope", None)
    own = fields.pop("id", "")
    if isinstance(own, bool) or not isinstance(own, (str, int)):
        raise Refused(f"{where}: 'id' must be a text or a whole number, not {shorten(own)}")
    return Item(where, str(number), fields, scope, id=str(own))
