"""JSON lines: each line an object of `add`'s arguments, `text` at least."""

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
from memos.kernel.errors import Refused

NOT_HERE = {
    "derived_from": "link the memories after the import",
    "content": "only texts are imported",
    "media_type": "only texts are imported",
}


def parse(path: Path) -> Parsed:
    """Read a file of JSON lines; empty lines are passed over. `scope` lies under the import's."""
    items = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        where = f"line {number}"
        fields = dict(mapping(parse_json(line, where), where))
        text_field(fields, "text", where)
        for name, why in NOT_HERE.items():
            if name in fields:
                raise Refused(f"{where}: {name!r} cannot be imported: {why}")
        scope = text_field(fields, "scope", where) if "scope" in fields else ""
        fields.pop("scope", None)
        items.append(Item(where, str(number), fields, scope))
    return Parsed(items, [])
