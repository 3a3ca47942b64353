"""Filters: one language and one evaluator for every engine. What is not known is an error.

{"tags": "home"}                                a tag that the memory has
{"metadata.speaker": "Caroline"}                a field of the metadata
{"metadata.'first.name'": "Ana"}                a field whose name holds a dot, in quotes
{"metadata.cities": "Hove"}                     a list matches by each of its elements
{"metadata.due": {"lt": "2023-05-08T09:00Z"}}   times compare as times, whatever their zone
{"priority": {"gte": 2}, "state": "Archived"}   all must hold
{"or": [{"tags": "home"}, {"not": {"source": "web:blog"}}]}
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.scope import contains
from memos.operation.cube import STATES_BY_TITLE, MemCube
from memos.operation.search.filter_values import (
    MISSING,
    alike,
    elements,
    equal,
    holds,
    is_like,
    written,
)
from memos.operation.validation import check_json

Predicate = Callable[[MemCube], bool]

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


def compile_filter(condition: Mapping[str, Any] | None) -> Predicate:
    """A filter as a predicate, checked whole before anything is read.

    Raises:
        InvalidInput: a field or an operator is unknown, or a value does not fit.
    """
    return _all_of(condition, 0) if condition is not None else lambda cube: True


def mentions(condition: Any, field: str) -> bool:
    """Whether a filter speaks of a field anywhere."""
    if isinstance(condition, Mapping):
        return field in condition or any(mentions(value, field) for value in condition.values())
    if isinstance(condition, (list, tuple)):
        return any(mentions(value, field) for value in condition)
    return False


def _all_of(condition: Any, depth: int) -> Predicate:
    if not isinstance(condition, Mapping):
        raise InvalidInput(f"a filter is a mapping of fields, not {type(condition).__name__}")
    if not condition:
        raise InvalidInput("the filter is empty: name a field, or pass none")
    if depth > MAX_DEPTH:
        raise InvalidInput(f"the filter is nested deeper than {MAX_DEPTH} levels")
    checks = [_clause(_named(name), value, depth) for name, value in condition.items()]
    return lambda cube: all(check(cube) for check in checks)


def _named(name: Any) -> str:
    """What a filter names: a field or an operator."""
    if not isinstance(name, str):
        raise InvalidInput(f"a filter names fields and operators by texts, not {shorten(name)}")
    return name


def _clause(name: str, value: Any, depth: int) -> Predicate:
    if name in ("and", "or"):
        if not isinstance(value, (list, tuple)) or not value:
            raise InvalidInput(f"{shorten(name)} takes a list of filters")
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
        raise InvalidInput(f"the filter on {shorten(name)} names no operator")
    checks = [_test(name, _named(op), operand) for op, operand in tests.items()]
    return lambda cube: all(check(read(cube)) for check in checks)


def _reader(name: str) -> Callable[[MemCube], Any]:
    if name in FIELDS:
        return operator.attrgetter(name)
    if name.startswith("metadata."):
        path = _path(name)
        return lambda cube: _dig(cube.metadata, path)
    raise InvalidInput(
        f"the filter field {shorten(name)} is not known: use {', '.join(sorted(FIELDS))}, or "
        "metadata.<name>"
    )


_STEP = re.compile(r"""\.(?:"([^"]+)"|'([^']+)'|([^."']+))""")


def _path(name: str) -> list[str]:
    """The names in `metadata.a.'b.c'`; a name that holds a dot stands in quotes."""
    steps: list[str] = []
    at = len("metadata")
    while at < len(name):
        match = _STEP.match(name, at)
        if match is None:
            raise InvalidInput(
                f"the filter field {shorten(name)} cannot be read from character {at + 1} on: write "
                "metadata.name.inner, and a name that holds a dot or a quote in quotes, "
                "metadata.'first.name'"
            )
        steps.append(next(filter(None, match.groups())))
        at = match.end()
    return steps


def _dig(value: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return MISSING
        value = value[name]
    return value


def _test(name: str, op: str, operand: Any) -> Callable[[Any], bool]:
    if op not in OPERATORS:
        raise InvalidInput(
            f"the operator {shorten(op)} on {shorten(name)} is not known: use {', '.join(OPERATORS)}"
        )
    if op == "exists":
        if not isinstance(operand, bool):
            raise InvalidInput(f"exists on {shorten(name)} takes true or false")
        return lambda actual: (actual is not MISSING and actual not in (None, "", ())) is operand
    if op in ("in", "nin"):
        if not isinstance(operand, (list, tuple, set, frozenset)):
            raise InvalidInput(f"{op} on {shorten(name)} takes a list")
        values = [_value(name, item) for item in operand]
        inside = op == "in"
        return lambda actual: any(equal(name, actual, item) for item in values) is inside
    value = _value(name, operand)
    if op == "eq":
        return lambda actual: equal(name, actual, value)
    if op == "ne":
        return lambda actual: not equal(name, actual, value)
    if op == "contains":
        return lambda actual: holds(name, actual, value)
    if op == "under":
        return lambda actual: (
            isinstance(actual, str) and contains(written(str(value)), written(actual))
        )
    return _comparison(name, op, value)


def _comparison(name: str, op: str, value: Any) -> Callable[[Any], bool]:
    if name in _LISTS:
        raise InvalidInput(f"{op} does not compare {shorten(name)}, which is a list: use contains")
    if isinstance(value, (bool, list, tuple, Mapping)) or value is None:
        raise InvalidInput(
            f"{op} on {shorten(name)} compares numbers, texts or times, not {shorten(value)}"
        )
    compare = _COMPARISONS[op]
    return lambda actual: any(
        is_like(name, each, value) and compare(*alike(each, value)) for each in elements(actual)
    )


def _value(name: str, operand: Any) -> Any:
    """A value to compare with, checked against what the field can hold."""
    if name not in FIELDS:
        check_json(operand, f"the value compared with {shorten(name)}")
    if name in _TIMES and operand is not None:
        return _time(name, operand)
    if name in _NUMBERS and (isinstance(operand, bool) or not isinstance(operand, (int, float))):
        raise InvalidInput(
            f"{shorten(name)} is a number, so it cannot be compared with {shorten(operand)}"
        )
    if name in _TEXTS | _LISTS and not isinstance(operand, str):
        raise InvalidInput(
            f"{shorten(name)} is a text, so it cannot be compared with {shorten(operand)}"
        )
    if name == "state" and operand not in STATES_BY_TITLE:
        raise InvalidInput(f"{shorten(operand)} is no state: use {', '.join(STATES_BY_TITLE)}")
    return operand


def _time(name: str, operand: Any) -> datetime:
    if isinstance(operand, str):
        try:
            operand = datetime.fromisoformat(operand)
        except ValueError:
            raise InvalidInput(
                f"{shorten(name)} is a time, and {shorten(operand)} is none"
            ) from None
        if operand.tzinfo is None:
            operand = operand.replace(tzinfo=UTC)
    if not isinstance(operand, datetime) or operand.tzinfo is None:
        raise InvalidInput(f"{shorten(name)} is a time: pass an aware datetime or ISO 8601")
    return operand
