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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.scope import contains
from memos.operation.cube import STATES_BY_TITLE, MemCube
from memos.operation.search.filter_values import (
    MISSING,
    Compare,
    dig,
    equal,
    folded,
    holds,
    ordered,
    path_of,
    written,
)
from memos.operation.search.verdict import Unknown, Unlike, Verdict, every, negated, some
from memos.operation.validation import check_json

Predicate = Callable[[MemCube], Verdict]

MAX_DEPTH = 32
MOST_NAMED = 5

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

_COMPARISONS: dict[str, Compare] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
OPERATORS = ("eq", "ne", "in", "nin", "contains", "icontains", "exists", "under", *_COMPARISONS)


@dataclass(eq=False)
class MemoryFilter:
    """A checked filter, for one read: whether it fits memories, and which it passed over because their
    values are not compared with its own. Without a verdict it fits all.
    """

    verdict: Predicate | None = None
    passed_over: dict[Unlike, set[str]] = field(default_factory=dict)

    def __call__(self, cube: MemCube) -> bool:
        verdict = True if self.verdict is None else self.verdict(cube)
        if not isinstance(verdict, Unknown):
            return verdict
        for unlike in verdict.fields:
            self.passed_over.setdefault(unlike, set()).add(cube.cube_id)
        return False

    @property
    def not_compared(self) -> tuple[str, ...]:
        """What it passed over, told in a sentence a field: how many memories, and which."""
        return tuple(
            _told(unlike, sorted(cubes)) for unlike, cubes in sorted(self.passed_over.items())
        )


def _told(unlike: Unlike, cubes: list[str]) -> str:
    count = len(cubes)
    have = "1 memory has" if count == 1 else f"{count} memories have"
    more = f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
    return (
        f"{have} {unlike.has} where {unlike.field} is compared as {unlike.compared}: "
        f"{', '.join(cubes[:MOST_NAMED])}{more}"
    )


def compile_filter(condition: Mapping[str, Any] | None) -> MemoryFilter:
    """A filter, checked whole before anything is read, for one read.

    Raises:
        InvalidInput: a field or an operator is unknown, or a value does not fit.
    """
    return MemoryFilter(None if condition is None else _all_of(condition, 0))


def mentions(condition: Any, field: str) -> bool:
    """Whether a filter speaks of a field anywhere."""
    if isinstance(condition, Mapping):
        return field in condition or any(mentions(value, field) for value in condition.values())
    if isinstance(condition, (list, tuple)):
        return any(mentions(value, field) for value in condition)
    return False


def tags_required(condition: Mapping[str, Any] | None) -> frozenset[str]:
    """Tags that every memory has of which a checked filter holds, written as names are kept: not all of
    them, but those that an index can be asked for.
    """
    required: set[str] = set()
    for name, value in (condition or {}).items():
        if name == "tags":
            tests = value if isinstance(value, Mapping) else {"eq": value}
            required.update(written(tests[op]) for op in ("eq", "contains") if op in tests)
        elif name == "and":
            required.update(*map(tags_required, value))
    return frozenset(required)


def ids_required(condition: Mapping[str, Any] | None) -> frozenset[str] | None:
    """The ids of which every memory has one of which a checked filter holds; None where it names none: not
    all that it says of ids, but what an index can be asked for.
    """
    required: frozenset[str] | None = None
    for name, value in (condition or {}).items():
        for named in _ids_named(name, value):
            required = named if required is None else required & named
    return required


def _ids_named(name: str, value: Any) -> Iterator[frozenset[str]]:
    if name == "cube_id":
        tests = value if isinstance(value, Mapping) else {"eq": value}
        if "eq" in tests:
            yield frozenset({tests["eq"]})
        if "in" in tests:
            yield frozenset(tests["in"])
    elif name == "and":
        inner = (ids_required(part) for part in value)
        yield from (named for named in inner if named is not None)


def is_of_required_tags(part: Mapping[str, Any]) -> bool:
    """Whether a conjunct says of tags what `tags_required` tells of it, and nothing else."""
    value = part.get("tags")
    tests = value if isinstance(value, Mapping) else {"eq": value}
    return part.keys() == {"tags"} and tests.keys() <= {"eq", "contains"}


def conjuncts(condition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A checked filter as filters of which all must hold, each as small as it can be."""
    parts: list[Mapping[str, Any]] = []
    for name, value in condition.items():
        if name == "and":
            parts += (part for inner in value for part in conjuncts(inner))
        else:
            parts.append({name: value})
    return parts


def fields_of(condition: Mapping[str, Any]) -> frozenset[str]:
    """The fields that a checked filter names anywhere."""
    names: set[str] = set()
    for name, value in condition.items():
        if name in ("and", "or"):
            names.update(*map(fields_of, value))
        elif name == "not":
            names |= fields_of(value)
        else:
            names.add(name)
    return frozenset(names)


def _all_of(condition: Any, depth: int) -> Predicate:
    if not isinstance(condition, Mapping):
        raise InvalidInput(f"a filter is a mapping of fields, not {type(condition).__name__}")
    if not condition:
        raise InvalidInput("the filter is empty: name a field, or pass none")
    if depth > MAX_DEPTH:
        raise InvalidInput(f"the filter is nested deeper than {MAX_DEPTH} levels")
    checks = [_clause(_named(name), value, depth) for name, value in condition.items()]
    return lambda cube: every(check(cube) for check in checks)


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
        combine = every if name == "and" else some
        return lambda cube: combine(part(cube) for part in parts)
    if name == "not":
        inner = _all_of(value, depth + 1)
        return lambda cube: negated(inner(cube))
    return _field(name, value)


def _field(name: str, value: Any) -> Predicate:
    read = _reader(name)
    tests = value if isinstance(value, Mapping) else {"eq": value}
    if not tests:
        raise InvalidInput(f"the filter on {shorten(name)} names no operator")
    checks = [_test(name, _named(op), operand) for op, operand in tests.items()]
    return lambda cube: every(check(read(cube)) for check in checks)


def _reader(name: str) -> Callable[[MemCube], Any]:
    if name in FIELDS:
        return operator.attrgetter(name)
    if name.startswith("metadata."):
        path = path_of(name)
        return lambda cube: dig(cube.metadata, path)
    raise InvalidInput(
        f"the filter field {shorten(name)} is not known: use {', '.join(sorted(FIELDS))}, or "
        "metadata.<name>"
    )


def _test(name: str, op: str, operand: Any) -> Callable[[Any], Verdict]:
    if op not in OPERATORS:
        raise InvalidInput(
            f"the operator {shorten(op)} on {shorten(name)} is not known: use {', '.join(OPERATORS)}"
        )
    if op == "exists":
        if not isinstance(operand, bool):
            raise InvalidInput(f"exists on {shorten(name)} takes true or false")
        return lambda actual: (actual is not MISSING and actual not in (None, "", ())) is operand
    if op in ("in", "nin"):
        return _membership(name, op, operand)
    value = _value(name, operand)
    if op == "eq":
        return lambda actual: equal(name, actual, value)
    if op == "ne":
        return lambda actual: negated(equal(name, actual, value))
    if op == "contains":
        return lambda actual: holds(name, actual, value)
    if op == "icontains":
        return lambda actual: holds(name, folded(actual), folded(value))
    if op == "under":
        return lambda actual: (
            isinstance(actual, str) and contains(written(str(value)), written(actual))
        )
    return _comparison(name, op, value)


def _membership(name: str, op: str, operand: Any) -> Callable[[Any], Verdict]:
    if not isinstance(operand, (list, tuple, set, frozenset)):
        raise InvalidInput(f"{op} on {shorten(name)} takes a list")
    values = [_value(name, item) for item in operand]
    if op == "in":
        return lambda actual: some(equal(name, actual, item) for item in values)
    return lambda actual: every(negated(equal(name, actual, item)) for item in values)


def _comparison(name: str, op: str, value: Any) -> Callable[[Any], Verdict]:
    if name in _LISTS:
        raise InvalidInput(f"{op} does not compare {shorten(name)}, which is a list: use contains")
    if isinstance(value, (bool, list, tuple, Mapping)) or value is None:
        raise InvalidInput(
            f"{op} on {shorten(name)} compares numbers, texts or times, not {shorten(value)}"
        )
    compare = _COMPARISONS[op]
    if isinstance(value, str) and name in FIELDS:  # of these its kind was checked
        return lambda actual: actual is not None and compare(written(actual), written(value))
    if name in FIELDS:
        return lambda actual: actual is not None and compare(actual, value)
    return lambda actual: ordered(name, actual, value, compare)


def _value(name: str, operand: Any) -> Any:
    """A value to compare with, checked against what the field can hold."""
    if name not in FIELDS:
        check_json(operand, f"the value compared with {shorten(name)}")
    if name in _TIMES and operand is not None:
        return _time(name, operand)
    if name in _NUMBERS and (
        isinstance(operand, bool) or not isinstance(operand, (int, float)) or operand != operand
    ):
        raise InvalidInput(
            f"{shorten(name)} is a number, so it cannot be compared with {shorten(operand)}"
        )
    if name in _TEXTS | _LISTS and not isinstance(operand, str):
        several = isinstance(operand, (list, tuple, set, frozenset))
        hint = f': for any of several write {{"{name}": {{"in": [...]}}}}' if several else ""
        raise InvalidInput(
            f"{shorten(name)} is a text, so it cannot be compared with {shorten(operand)}{hint}"
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
