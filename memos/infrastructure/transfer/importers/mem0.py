"""What mem0's `get_all` returns: `{"results": [...]}`, or the bare list of its older releases."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.transfer.importers.item import (
    Item,
    Parsed,
    listing,
    mapping,
    point_in_time,
    present,
    read_json,
    text_field,
)
from memos.kernel.errors import Refused

_KEPT = ("user_id", "agent_id", "run_id", "app_id", "actor_id", "role", "updated_at")


def parse(path: Path) -> Parsed:
    """Read mem0's memories; `created_at`, its only time, becomes the start of the valid time."""
    value = read_json(path)
    results = value.get("results") if isinstance(value, dict) else value
    items: list[Item] = []
    seen: set[str] = set()
    for number, given in enumerate(listing(results, "results"), 1):
        where = f"result {number}"
        result = mapping(given, where)
        mem0_id = text_field(result, "id", where)
        if mem0_id in seen:
            raise Refused(f"{where}: there are two memories {mem0_id!r}")
        seen.add(mem0_id)
        own = mapping(result.get("metadata") or {}, f"{where}: its metadata")
        kept = {name: result[name] for name in _KEPT if result.get(name) is not None}
        tags = listing(result.get("categories") or [], f"{where}: its categories")
        fields = present(
            text=text_field(result, "memory", where),
            tags=tags or None,
            metadata={**own, **kept, "mem0_id": mem0_id},
            valid_from=point_in_time(result.get("created_at"), where),
        )
        items.append(Item(where, mem0_id, fields))
    return Parsed(items, [])
