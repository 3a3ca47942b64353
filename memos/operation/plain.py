"""Texts, numbers and bytes as what they hold, and nothing else: a class derived from `str` or `float`
may encode, compare or hash itself as it likes, and would do so wherever it is kept, in threads that no
caller sees.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from memos.kernel.errors import InvalidInput

DEEPEST = 110
"""Levels of nesting; no argument may have as many."""

_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})


def are_plain(values: Iterable[object]) -> bool:
    """Whether none of these is anything that `plain` looks into."""
    return _PLAIN.issuperset(map(type, values))


def plain(value: Any, depth: int = 0) -> Any:
    """A value with the plain text of each text in it, and the plain number of each number: also of
    those in a mapping, a list, a tuple, a set, and of those that an iterator gives.

    Raises:
        InvalidInput: it is nested too deep.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, (str, int, float, bytes)):
        return _bare(value)
    if depth > DEEPEST:
        raise InvalidInput(f"an argument is nested deeper than {DEEPEST} levels")
    if kind is dict or isinstance(value, Mapping):
        if are_plain(value) and are_plain(value.values()):
            return value
        return {
            name if type(name) is str else plain(name): (
                inner if type(inner) in _PLAIN else plain(inner, depth + 1)
            )
            for name, inner in value.items()
        }
    if kind is list:
        return value if are_plain(value) else [plain(inner, depth + 1) for inner in value]
    if isinstance(value, Iterator):
        return (plain(inner, depth + 1) for inner in value)
    if not isinstance(value, (list, tuple, Set)) or are_plain(value):
        return value
    within = [plain(inner, depth + 1) for inner in value]
    if isinstance(value, Set):
        return set(within)
    same = all(map(operator.is_, within, value))  # a position stays one
    return value if same else tuple(within)


def _bare(value: str | int | float | bytes) -> str | int | float | bytes:
    """What a value of a derived class holds, by the class that it is derived from."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    return float.__float__(value) if isinstance(value, float) else bytes(memoryview(value))
