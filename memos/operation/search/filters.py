"""Filters: one language and one evaluator for every engine. What is not known is an error.

{"tags": "home"}                                a tag that the memory has
{"metadata.speaker": "Caroline"}                a field of the metadata
{"priority": {"gte": 2}, "state": "Archived"}   all must hold
{"or": [{"tags": "home"}, {"not": {"source": "web:blog"}}]}
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from memos.kernel.errors import InvalidInput
from memos.kernel.scope import contains
from memos.operation.cube import STATES_BY_TITLE, MemCube

Predicate = Callable[[MemCube], bool]

_MISSING = object()
MAX_DEPTH = 32

_TIMES = frozenset({"created", "changed", "valid_from", "valid_until", "last_used"})
_LISTS = frozenset({"tags", "readers", "writers"})
_TEXTS = frozenset(
    {
        "cube_id",
        "text",
        "state",
        "scope",
        "source",
        "origin",
        "semantic_type",
        "media_type",
        "owner",
        "sensitivity",
        "purpose",
    }
)
_NUMBERS = frozenset({"version", "priority", "uses"})
FIELDS = _TIMES | _LISTS | _TEXTS | _NUMBERS

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
OPERATORS = ("eq", "ne", "in", "nin", "contains", "exists", "under", *_COMPARISONS)


def compile_filter(wanted: Mapping[str, Any] | None) -> Predicate:
    """A filter as a predicate, checked whole before anything is read.

    Raises:
        InvalidInput: a field or an operator is unknown, or a value does not fit.
    """
    return _all_of(wanted or {}, 0)


def mentions(wanted: Any, field: str) -> bool:
    """Whether a filter speaks of a field anywhere."""
    if isinstance(wanted, Mapping):
        return field in wanted or any(mentions(value, field) for value in wanted.values())
    if isinstance(wanted, (list, tuple)):
        return any(mentions(value, field) for value in wanted)
    return False


def _all_of(wanted: Any, depth: int) -> Predicate:
    if not isinstance(wanted, Mapping):
        raise InvalidInput(f"a filter is a mapping of fields, not {type(wanted).__name__}")
    if depth > MAX_DEPTH:
        raise InvalidInput(f"the filter is nested deeper than {MAX_DEPTH} levels")
    checks = [_clause(name, value, depth) for name, value in wanted.items()]
    return lambda cube: all(check(cube) for check in checks)


def _clause(name: str, value: Any, depth: int) -> Predicate:
    if name in ("and", "or"):
        if not isinstance(value, (list, tuple)) or not value:
            raise InvalidInput(f"{name!r} takes a list of filters")
        parts = [_all_of(part, depth + 1) for part in value]
        combine = all if name == "and" else any
        return lambda cube: combine(part(cube) for part in parts)
    if name == "not":
        inner = _all_of(value, depth + 1)
        return lambda cube: not inner(cube)
    return _field(name, value)


def _field(name: str, value: Any) -> Predicate:
    read = _reader(name)
    tests = value if isinstance(value, Mapping) else {"eq": value}
    if not tests:
        raise InvalidInput(f"the filter on {name!r} names no operator")
    checks = [_test(name, op, wanted) for op, wanted in tests.items()]
    return lambda cube: all(check(read(cube)) for check in checks)


def _reader(name: str) -> Callable[[MemCube], Any]:
    if name in FIELDS:
        return operator.attrgetter(name)
    if name.startswith("metadata."):
        path = name.split(".")[1:]
        return lambda cube: _dig(cube.metadata, path)
    raise InvalidInput(
        f"the filter field {name!r} is not known: use {', '.join(sorted(FIELDS))}, or "
        "metadata.<name>"
    )


def _dig(value: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _test(name: str, op: str, wanted: Any) -> Callable[[Any], bool]:
    if op not in OPERATORS:
        raise InvalidInput(
            f"the operator {op!r} on {name!r} is not known: use {', '.join(OPERATORS)}"
        )
    if op == "exists":
        if not isinstance(wanted, bool):
            raise InvalidInput(f"exists on {name!r} takes true or false")
        return lambda found: (found is not _MISSING and found not in (None, "", ())) is wanted
    if op in ("in", "nin"):
        if not isinstance(wanted, (list, tuple, set, frozenset)):
            raise InvalidInput(f"{op} on {name!r} takes a list")
        values = [_value(name, each) for each in wanted]
        inside = op == "in"
        return lambda found: any(_equal(found, each) for each in values) is inside
    value = _value(name, wanted)
    if op == "eq":
        return lambda found: _equal(found, value)
    if op == "ne":
        return lambda found: not _equal(found, value)
    if op == "contains":
        return lambda found: _contains(found, value)
    if op == "under":
        return lambda found: isinstance(found, str) and contains(str(value), found)
    return _comparison(name, op, value)


def _comparison(name: str, op: str, value: Any) -> Callable[[Any], bool]:
    if name in _LISTS:
        raise InvalidInput(f"{op} does not compare {name!r}, which is a list: use contains")
    compare = _COMPARISONS[op]

    def check(found: Any) -> bool:
        if isinstance(value, str) != isinstance(found, str) or found in (None, _MISSING):
            return False
        try:
            return compare(found, value)
        except TypeError:
            return False

    return check


def _value(name: str, wanted: Any) -> Any:
    """A wanted value, checked against what the field can hold."""
    if name in _TIMES and wanted is not None:
        return _time(name, wanted)
    if name in _NUMBERS and (isinstance(wanted, bool) or not isinstance(wanted, (int, float))):
        raise InvalidInput(f"{name!r} is a number, so it cannot be compared with {wanted!r}")
    if name in _TEXTS | _LISTS and not isinstance(wanted, str):
        raise InvalidInput(f"{name!r} is a text, so it cannot be compared with {wanted!r}")
    if name == "state" and wanted not in STATES_BY_TITLE:
        raise InvalidInput(f"{wanted!r} is no state: use {', '.join(STATES_BY_TITLE)}")
    return wanted


def _time(name: str, wanted: Any) -> datetime:
    if isinstance(wanted, str):
        try:
            wanted = datetime.fromisoformat(wanted)
        except ValueError:
            raise InvalidInput(f"{name!r} is a time, and {wanted!r} is none") from None
        if wanted.tzinfo is None:
            wanted = wanted.replace(tzinfo=UTC)
    if not isinstance(wanted, datetime) or wanted.tzinfo is None:
        raise InvalidInput(f"{name!r} is a time: pass an aware datetime or ISO 8601")
    return wanted


def _equal(found: Any, value: Any) -> bool:
    if isinstance(found, tuple):
        return value in found
    if isinstance(found, bool) != isinstance(value, bool):
        return False
    return bool(found == value)


def _contains(found: Any, value: Any) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value in found
    if isinstance(found, (list, tuple)):
        return value in found
    return False
