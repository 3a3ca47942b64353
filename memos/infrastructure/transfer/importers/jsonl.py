"""JSON lines: each line an object of `add`'s arguments, `text` at least, and maybe its own `id`."""

from __future__ import annotations

from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Reading
from memos.infrastructure.transfer.importers.item import Item, mapping, text_field
from memos.infrastructure.transfer.importers.times import read_time
from memos.kernel.errors import Refused

TIMES = {"valid_from", "valid_until"}
NOT_HERE = {
    "derived_from": "link the memories after the import",
    "content": "only texts are imported",
    "media_type": "only texts are imported",
}


def read(document: Document, reading: Reading) -> list[Item]:
    """Read a file of JSON lines; empty lines are passed over. `scope` lies under the import's."""
    items = []
    for place, given in document.numbered(document.entries(called="the file"), "item"):
        with reading.gathering():
            fields = dict(mapping(given, place))
            text_field(fields, "text", place)
            for name, why in NOT_HERE.items():
                if name in fields:
                    raise Refused(f"{place}: {name!r} cannot be imported: {why}")
            scope = text_field(fields, "scope", place) if "scope" in fields else ""
            fields.pop("scope", None)
            for name in TIMES & fields.keys():
                fields[name] = read_time(fields[name], f"{place}: its {name}", reading.zone)
            with reading.fields({"id": fields.pop("id", None)}, place, "line") as line:
                own = line.text("id")
            items.append(Item(place, place.rpartition(" ")[2], fields, scope, id=own))
    return items
