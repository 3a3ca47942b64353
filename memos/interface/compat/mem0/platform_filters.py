"""The filters of mem0's platform, in the grammar of its SDK.

{"AND": [{"user_id": "alice"}, {"metadata": {"kind": "food"}}]}
{"user_id": "alice", "created_at": {"gte": "2026-01-01"}, "NOT": {"keywords": {"icontains": "draft"}}}

The platform names its fields, and keys of the metadata stand in `metadata`. What it has not is an error.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from memos.interface.compat.mem0.entities import ENTITIES
from memos.interface.compat.mem0.filters import metadata_field
from memos.interface.compat.mem0.records import EXPIRATION
from memos.kernel.errors import InvalidInput, shorten
from memos.operation.validation import Time

FIELDS: Mapping[str, str] = {
    "created_at": "created",
    "updated_at": "changed",
    EXPIRATION: metadata_field(EXPIRATION),
    "text": "text",
    "keywords": "text",
    "memory_ids": "cube_id",
}
"""The platform's names of what a vault has under another name."""

MOST_NESTED = 16


class SdkFilter(NamedTuple):
    """A filter of the SDK's grammar, and what its names are in a vault."""

    filters: dict[str, Any]
    fields: Mapping[str, str]


def sdk_filter(filters: Any) -> SdkFilter:
    """The platform's filter in the grammar of the SDK.

    Raises:
        InvalidInput: it names a field that is not there, is nested too deep, or has another form.
    """
    fields = dict(FIELDS)
    return SdkFilter({"AND": list(_parts(filters, fields, 0))}, fields)


def _parts(filters: Any, fields: dict[str, str], depth: int) -> Iterator[dict[str, Any]]:
    """The filters that all must hold; names of the metadata are added to the fields."""
    if depth > MOST_NESTED:
        raise InvalidInput(f"the filter is nested deeper than {MOST_NESTED} levels")
    if not isinstance(filters, Mapping):
        raise InvalidInput(f"a filter is a JSON object, not {shorten(filters)}")
    for name, condition in filters.items():
        if name in ("AND", "OR", "NOT"):
            listed = [condition] if isinstance(condition, Mapping) else condition
            if not isinstance(listed, list):
                raise InvalidInput(f"{name} operator requires a non-empty list of conditions")
            yield {name: [{"AND": list(_parts(each, fields, depth + 1))} for each in listed]}
        elif name == "metadata":
            yield _of_metadata(condition, fields)
        elif name == "memory_ids" and isinstance(condition, list):
            yield {name: {"in": condition}}
        elif name in ENTITIES or name in FIELDS:
            yield {name: condition}
        else:
            raise InvalidInput(
                f"there is no field {shorten(name)}: a filter has AND, OR, NOT, "
                f"{', '.join((*ENTITIES, *FIELDS))}, and keys of the metadata in `metadata`"
            )


def _of_metadata(condition: Any, fields: dict[str, str]) -> dict[str, Any]:
    if not isinstance(condition, Mapping) or not condition:
        raise InvalidInput(f"metadata takes keys and values, not {shorten(condition)}")
    fields.update({f"metadata.{key}": metadata_field(key) for key in condition})
    return {f"metadata.{key}": wanted for key, wanted in condition.items()}


def created_between(start: str | None, end: str | None) -> list[dict[str, Any]]:
    """The filters of what was created from one day or time on, and up to another; a day is whole."""
    parts: list[dict[str, Any]] = []
    if start is not None:
        parts.append({"created_at": {"gte": start}})
    if end is not None:
        parts.append({"created_at": _until(end)})
    return parts


def _until(end: str) -> dict[str, Any]:
    try:
        return {"lt": (date.fromisoformat(end) + timedelta(days=1)).isoformat()}
    except (ValueError, OverflowError):
        return {"lte": end}


def time_from(value: float | str | None) -> Time | None:
    """A time that is told in seconds since 1970, or as ISO 8601.

    Raises:
        InvalidInput: it is none.
    """
    if value is None or isinstance(value, str):
        return value
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(f"{shorten(value)} is no time in seconds since 1970") from None


def entities_named(
    filters: Mapping[str, Any] | None, given: Mapping[str, Any]
) -> dict[str, str | int]:
    """The entities that a call names in `filters`, or beside it: each once.

    Raises:
        InvalidInput: the filters name something else, or an entity is named twice.
    """
    found = {name: value for name, value in given.items() if value is not None}
    for name, value in (filters or {}).items():
        if name not in ENTITIES or not isinstance(value, (str, int)) or isinstance(value, bool):
            raise InvalidInput(
                f"filters say here whose memories these are, by {', '.join(ENTITIES)}, each with one id; "
                f"not {shorten(name)}"
            )
        if name in found:
            raise InvalidInput(f"{name} is named in filters and beside them: name it once")
        found[name] = value
    return found


def filters_in_address(text: str | None) -> dict[str, Any]:
    """The filters that an address holds, which mem0's client writes as Python would.

    Raises:
        InvalidInput: they cannot be read.
    """
    if text is None:
        return {}
    try:
        read = literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise InvalidInput('filters take entities, such as {"user_id": "alice"}')
    return read
