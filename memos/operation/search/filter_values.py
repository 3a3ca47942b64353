"""How a filter's value and a memory's compare: as times where the filter has a time, letters as written
alike, a list by its elements, and values of two kinds not at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from memos.kernel.errors import InvalidInput, shorten
from memos.operation.search.verdict import Unknown, Unlike, Verdict, some

MISSING = object()
"""What a memory has that lacks the field."""

Compare = Callable[[Any, Any], bool]

_NO_TIME = "a text that is no time"


def ordered(name: str, actual: Any, value: Any, compare: Compare) -> Verdict:
    """Whether a value, or an element of a list, stands to the one asked for as `compare` says.

    Args:
        name: the field, one of metadata.
        actual: what a memory has there.
        value: a number or a text; one that names a time is a time.
        compare: by size.
    """
    return some(_ordered(name, each, value, compare) for each in _elements(actual))


def _ordered(name: str, actual: Any, value: Any, compare: Compare) -> Verdict:
    if actual is MISSING or actual is None:
        return False
    wanted = _as_time(value) if isinstance(value, str) else None
    if _kind(actual) != _kind(value):
        return _unlike(name, _kind(actual), _kind(value if wanted is None else wanted))
    if not isinstance(value, str):
        return bool(compare(actual, value))
    if wanted is None:
        return bool(compare(written(actual), written(value)))
    time = _as_time(actual)
    return bool(compare(time, wanted)) if time else _unlike(name, _NO_TIME, _kind(wanted))


def equal(name: str, actual: Any, value: Any) -> Verdict:
    """Whether a value is the one asked for, or a list has it.

    Values of two kinds are not equal; that is unknown only of those that read alike, such as 3 and
    "3", or true and "true".
    """
    if isinstance(actual, (list, tuple)) and not isinstance(value, (list, tuple)):
        return some(equal(name, each, value) for each in actual)
    if isinstance(actual, str) and isinstance(value, str):
        times = _as_time(actual), _as_time(value)
        return written(actual) == written(value) if None in times else times[0] == times[1]
    has, compared = _kind(actual), _kind(value)
    if has != compared:
        alike = actual is not MISSING and _reads(actual) == _reads(value) is not None
        return _unlike(name, has, compared) if alike else False
    return bool(actual == value)


def holds(name: str, actual: Any, value: Any) -> Verdict:
    """Whether a text holds another, or a list a value."""
    if isinstance(actual, str):
        if isinstance(value, str):
            return written(value) in written(actual)
        return _unlike(name, _kind(actual), _kind(value))
    return equal(name, actual, value) if isinstance(actual, (list, tuple)) else False


def folded(value: Any) -> Any:
    """A value without the case of its letters: a text, or the texts of a list."""
    if isinstance(value, str):
        return written(value).casefold()
    return [folded(each) for each in value] if isinstance(value, (list, tuple)) else value


def written(text: str) -> str:
    """A text in Unicode's form NFC, as names are kept."""
    return text if text.isascii() else normalize("NFC", text)


def _unlike(name: str, has: str, compared: str) -> Unknown:
    return Unknown(frozenset({Unlike(name, has, compared)}))


def _kind(value: Any) -> str:
    """What kind of value it is, in words; None and what is not there have kinds of their own."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case datetime():
            return "a time"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return "nothing"


def _reads(value: Any) -> float | None:
    """The number that a value reads as, true being 1; None where it reads as none."""
    if isinstance(value, str):
        value = {"true": 1, "false": 0}.get(value.strip().casefold(), value)
    try:
        return float(value) if isinstance(value, (str, int, float)) else None
    except (ValueError, OverflowError):
        return None


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


def _elements(actual: Any) -> Sequence[Any]:
    """A value, or the elements of a list."""
    return actual if isinstance(actual, (list, tuple)) else (actual,)


_STEP = re.compile(r"""\.(?:"([^"]+)"|'([^']+)'|([^."']+))""")


def path_of(name: str) -> list[str]:
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


def dig(value: Any, path: list[str]) -> Any:
    """What stands under a path in nested mappings; MISSING where nothing does."""
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return MISSING
        value = value[name]
    return value
