"""Texts, numbers and bytes as what they hold, and nothing else: a class derived from `str` or `float`
may encode, compare or hash itself as it likes, and would do so wherever it is kept, in threads that no
caller sees. An id, a date or a decimal number, whose meaning is plain, is taken as its text or number.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import uuid_utils

from memos.kernel.errors import InvalidInput

_MOST_DIGITS = 300
DEEPEST = 110
"""Levels of nesting; no argument may have as many."""

_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
_JSON = frozenset({"metadata", "filter"})
"""Arguments in which a time is a text: JSON has none, and elsewhere it is looked at as one."""


def are_plain(values: Iterable[object]) -> bool:
    """Whether none of these is anything that `plain` looks into."""
    return _PLAIN.issuperset(map(type, values))


def plain(value: Any, depth: int = 0, *, name: str = "") -> Any:
    """A value with the plain text of each text in it, and the plain number of each number: also of
    those in a mapping, a list, a tuple, a set, and of those that an iterator gives.

    Args:
        value: the value.
        depth: how deep it lies in what was given.
        name: the argument that it is, or is in.

    Raises:
        InvalidInput: it is nested too deep, or a decimal number that no JSON number is.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, (str, int, float, bytes)):
        return _bare(value)
    if depth > DEEPEST:
        raise InvalidInput(f"an argument is nested deeper than {DEEPEST} levels")
    if kind is dict or isinstance(value, Mapping):
        return _mapping(value, depth, name)
    if kind is list:
        return (
            value if are_plain(value) else [plain(inner, depth + 1, name=name) for inner in value]
        )
    if isinstance(value, Iterator):
        return (plain(inner, depth + 1, name=name) for inner in value)
    if isinstance(value, _MEANT):
        return _meant(value, name)
    if not isinstance(value, (list, tuple, Set)) or are_plain(value):
        return value
    within = [plain(inner, depth + 1, name=name) for inner in value]
    if isinstance(value, Set):
        return set(within)
    same = all(map(operator.is_, within, value))  # a position stays one
    return value if same else tuple(within)


def _mapping(value: Mapping[Any, Any], depth: int, name: str) -> Mapping[Any, Any]:
    if are_plain(value) and are_plain(value.values()):
        return value
    return {
        key if type(key) is str else plain(key): (
            inner
            if type(inner) in _PLAIN
            else plain(inner, depth + 1, name=name if name in _JSON else key)
        )
        for key, inner in value.items()
    }


_MEANT = (UUID, uuid_utils.UUID, Decimal, date)


def _meant(value: Any, name: str) -> Any:
    """What an id, a decimal number, a date or a time means."""
    match value:
        case datetime():
            if name not in _JSON:
                return value
            return utc_text(value, name)
        case date():
            return value.isoformat()
        case Decimal():
            return _number(value)
        case _:
            return str(value)


def in_utc(time: datetime, what: str) -> datetime:
    """A caller's time in UTC.

    Raises:
        InvalidInput: it has no time zone, or UTC has no such time.
    """
    if time.tzinfo is None:
        raise InvalidInput(f"{what} {time} has no time zone: pass an aware datetime")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{what} {time} lies outside the years 1 to 9999 in UTC") from None


def utc_text(time: datetime, what: str) -> str:
    """A caller's time as JSON has it.

    Raises:
        InvalidInput: as `in_utc`.
    """
    return in_utc(time, what).isoformat().replace("+00:00", "Z")


def _number(value: Decimal) -> int | float:
    """The number that JSON writes just so."""
    if value.is_finite():
        if value == value.to_integral_value() and value.adjusted() <= _MOST_DIGITS:
            return int(value)
        if Decimal(repr(float(value))) == value:
            return float(value)
    raise InvalidInput(f"{value} is no number that JSON holds as it is: pass its text")


def _bare(value: str | int | float | bytes) -> str | int | float | bytes:
    """What a value of a derived class holds, by the class that it is derived from."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    return float.__float__(value) if isinstance(value, float) else bytes(memoryview(value))
