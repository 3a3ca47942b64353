"""How a filter's value and a memory's compare: as times where both are, letters as written alike,
a list by its elements, and a number never with a text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from memos.kernel.errors import InvalidInput, shorten

MISSING = object()
"""What a memory has that lacks the field."""


def is_like(name: str, actual: Any, value: Any) -> bool:
    """Whether two values can be told apart by size.

    Raises:
        InvalidInput: a memory has a number where the filter has a text, or the other way round.
    """
    if actual is MISSING or actual is None or isinstance(actual, (bool, Mapping, list, tuple)):
        return False
    if isinstance(actual, str) != isinstance(value, str):
        raise _unlike(name, actual, value)
    return True


def alike(actual: Any, value: Any) -> tuple[Any, Any]:
    """Two texts as times where both are, else with their letters written alike."""
    if isinstance(actual, str) and isinstance(value, str):
        times = _as_time(actual), _as_time(value)
        return times if None not in times else (written(actual), written(value))
    return actual, value


def written(text: str) -> str:
    """A text in Unicode's form NFC, as names are kept."""
    return text if text.isascii() else normalize("NFC", text)


_TIME_TEXT = re.compile(r"\d{4}-\d\d-\d\d")


@lru_cache(maxsize=4096)
def _as_time(text: str) -> datetime | None:
    """The time that a text in ISO 8601 names, UTC where it names no zone; None where it is none."""
    if not _TIME_TEXT.match(text):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def elements(actual: Any) -> Sequence[Any]:
    """A value, or the elements of a list."""
    return actual if isinstance(actual, (list, tuple)) else (actual,)


def equal(name: str, actual: Any, value: Any) -> bool:
    """Whether a value is the one asked for, or a list has it.

    Raises:
        InvalidInput: one is a number and the other the same number as a text.
    """
    if isinstance(actual, (list, tuple)) and not isinstance(value, (list, tuple)):
        return any(equal(name, each, value) for each in actual)
    if isinstance(actual, bool) != isinstance(value, bool):
        return False
    if isinstance(actual, str) and isinstance(value, str):
        actual, value = alike(actual, value)
    elif _say_the_same(actual, value):
        raise _unlike(name, actual, value)
    return bool(actual == value)


def _say_the_same(one: Any, other: Any) -> bool:
    """Whether one is a number, and the other a text that reads like it."""
    text, number = (one, other) if isinstance(one, str) else (other, one)
    if not isinstance(text, str) or not isinstance(number, (int, float)):
        return False
    try:
        return float(text) == number
    except (ValueError, OverflowError):
        return False


def _unlike(name: str, actual: Any, value: Any) -> InvalidInput:
    return InvalidInput(
        f"the filter compares {shorten(name)} with {shorten(value)}, and a memory has "
        f"{shorten(actual)} there: a number and a text are not compared; write the value as the "
        "memories have it"
    )


def holds(name: str, actual: Any, value: Any) -> bool:
    """Whether a text holds another, or a list a value; raises as `equal` does."""
    if isinstance(actual, str):
        return isinstance(value, str) and written(value) in written(actual)
    return isinstance(actual, (list, tuple)) and equal(name, actual, value)
