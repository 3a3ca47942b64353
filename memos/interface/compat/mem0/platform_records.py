"""Memories as mem0's platform shows them: as the SDK does, and with what the platform has beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memos.interface.compat.mem0.entities import ENTITIES
from memos.interface.compat.mem0.records import EXPIRATION

_ABSENT: Mapping[str, None] = dict.fromkeys((*ENTITIES, EXPIRATION))


def platform_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A memory, in which no entity is missing. A run is `run_id` and `session_id`: the platform calls it
    by either name. `categories` are empty: none are made.
    """
    return {**_ABSENT, **record, "session_id": record.get("run_id"), "categories": []}


def only(records: list[dict[str, Any]], fields: Sequence[str] | None) -> list[dict[str, Any]]:
    """Memories with the named fields alone; with all where none are named."""
    if fields is None:
        return records
    return [{name: record[name] for name in fields if name in record} for record in records]


def added_answer(results: list[dict[str, Any]]) -> dict[str, Any]:
    """What was added, at once: the text also in `data`, where the platform has it."""
    told = [{**result, "data": {"memory": result["memory"]}} for result in results]
    return {"status": "SUCCEEDED", "results": told}


def history_row(row: Mapping[str, Any], entities: Mapping[str, str]) -> dict[str, Any]:
    """A change of a memory of some entities; `input` is empty, for messages are memories of their own."""
    told = {**dict.fromkeys(ENTITIES), **entities, "session_id": entities.get("run_id")}
    return {**row, **told, "input": []}
