"""What callers may pass. Everything is checked before anything is written."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import normalize

from memos.infrastructure.clock import system_time
from memos.kernel.body import FIRST_TIME, LAST_TIME
from memos.kernel.cube import Lifespan, LifespanEnd
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.event import Position, id_bytes
from memos.kernel.scope import check_scope, tenant_of
from memos.operation.cube import EPOCH
from memos.operation.plain import in_utc, plain

Called = TypeVar("Called", bound=Callable[..., Any])

MAX_NAME_BYTES = 1024
MAX_TAGS = 1_000_000
MAX_JSON_DEPTH = 100
MAX_PATH_BYTES, MAX_FILE_NAME_BYTES = 4095, 255
"""What file systems take, of a path and of each name in it."""

Time = date | str
"""An aware datetime, or ISO 8601 such as 2023-05-08T13:56:00Z; a date alone means midnight UTC."""

AsOf = str | Position | datetime
"""A moment of the log: a cut's name, a position such as 0:42, or a log time."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|m|min|h|d|w|y)")
_UNITS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
    "y": 31_557_600_000_000,
}


def check_name(value: object, what: str, *, empty: bool = False) -> str:
    """A short text such as an actor, a source or a tag, in Unicode's form NFC."""
    if not isinstance(value, str) or not (value or empty):
        raise InvalidInput(f"{what} must be a text, not {shorten(value)}")
    value = value if value.isascii() else normalize("NFC", value)
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidInput(
            f"{what} holds half a surrogate pair ({shorten(value)}): only a memory's text may"
        ) from None
    if size > MAX_NAME_BYTES:
        raise InvalidInput(f"{what} is {size} bytes long; at most {MAX_NAME_BYTES} are kept")
    return value


def check_tenant(value: str) -> str:
    """A tenant: the first segment of its scopes, alone.

    Raises:
        InvalidInput: it is no segment. A longer path is not cut: what is done to a tenant reaches
            all of it.
    """
    scope = check_scope(value)
    if scope != tenant_of(scope):
        raise InvalidInput(
            f"{shorten(value)} is no tenant: name it by the first segment of its scopes alone, "
            f"{tenant_of(scope)}"
        )
    return scope


def check_names(values: object, what: str) -> tuple[str, ...]:
    """Several of them, in order, without repeats."""
    if values is None:
        raise InvalidInput(f"{what} must be a list of texts, not None")
    names = tuple(
        dict.fromkeys(check_name(value, f"each of {what}") for value in check_list(values, what))
    )
    if len(names) > MAX_TAGS:
        raise InvalidInput(f"{what} has {len(names)} entries; at most {MAX_TAGS} are kept")
    return names


def check_list(values: object, what: str) -> tuple[Any, ...]:
    """What an iterable gives, which is no text and no mapping; None gives nothing. A set gives its
    texts in one order, whatever process has it.
    """
    if values is None or (isinstance(values, (tuple, list)) and not values):
        return ()
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise InvalidInput(f"{what} must be a list, not {shorten(values)}")
    try:
        given = tuple(map(plain, values))
        return tuple(sorted(given, key=_text_order)) if isinstance(values, Set) else given
    except TypeError:  # an array without dimensions says that it can be iterated
        raise InvalidInput(f"{what} must be a list, not {shorten(values)}") from None


def _text_order(value: object) -> str:
    return repr(value) if isinstance(value, str) else ""


def check_fields(item: object, fields: Collection[str], what: str) -> None:
    """A mapping that has no other fields than these."""
    if not isinstance(item, Mapping):
        raise InvalidInput(f"{what} must be a mapping, not {shorten(item)}")
    unknown = [name for name in item if not isinstance(name, str) or name not in fields]
    if unknown:
        taken = ", ".join(sorted(fields))
        raise InvalidInput(f"{what} has no {shorten(unknown[0])}; it takes {taken}")


def check_choice(value: object, choices: Collection[str], what: str) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in choices:
        raise InvalidInput(f"{what}={shorten(value)} is not known: choose {', '.join(choices)}")
    return value


def check_flag(value: object, what: str) -> bool:
    """True or False, and nothing that only counts as one."""
    if not isinstance(value, bool):
        raise InvalidInput(f"{what} must be True or False, not {shorten(value)}")
    return value


def check_json(value: object, what: str, depth: int = 0) -> None:
    """Refuse what JSON would change (a key that is no text) or could not read back (too deep)."""
    if depth > MAX_JSON_DEPTH:
        raise InvalidInput(f"{what} is nested deeper than {MAX_JSON_DEPTH} levels")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvalidInput(f"the keys of {what} must be texts")
        value = tuple(value.values())
    elif not isinstance(value, (list, tuple)):
        if value is not None and not isinstance(value, (str, bool, int, float)):
            raise InvalidInput(f"{what} must be JSON, and {shorten(value)} is none")
        return
    for inner in value:
        check_json(inner, what, depth + 1)


def check_callable(value: Called, what: str) -> Called:
    """A function that is to be called."""
    if not callable(value):
        raise InvalidInput(f"{what} must be a function, not {shorten(value)}")
    return value


def check_clock(clock: Callable[[], int]) -> Callable[[], int]:
    """A clock whose every time is one: microseconds since 1970, within the years 1 to 9999."""
    if check_callable(clock, "clock") is system_time:
        return clock

    @wraps(clock)
    def checked() -> int:
        time: object = clock()
        if isinstance(time, int) and not isinstance(time, bool) and FIRST_TIME <= time <= LAST_TIME:
            return time
        raise InvalidInput(
            f"the clock must give microseconds since 1970 as a whole number, not {shorten(time)}"
        )

    return checked


def check_governor(value: object) -> None:
    """What decides who may do what."""
    digest = getattr(value, "digest", None)
    if not callable(getattr(value, "decide", None)) or not isinstance(digest, bytes):
        raise InvalidInput(f"a governor has digest and decide; {shorten(value)} lacks them")


def check_path(value: object, what: str = "path") -> Path:
    """A path that a file system can hold."""
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidInput(f"{what} must be a path, not {shorten(value)}")
    try:
        path = Path(value)
        names = [os.fsencode(name) for name in path.parts]
    except (TypeError, ValueError):
        raise InvalidInput(f"{what} {shorten(value)} is no path") from None
    size = len(os.fsencode(path))
    if b"\0" in os.fsencode(path):
        raise InvalidInput(f"{what} {shorten(value)} holds a NUL, which no path may")
    if size > MAX_PATH_BYTES or max(map(len, names), default=0) > MAX_FILE_NAME_BYTES:
        raise InvalidInput(f"{what} {shorten(value)} is longer than a file system takes")
    return path


def check_paths(value: object, what: str = "path") -> tuple[Path, ...]:
    """A path, or several."""
    several = [value] if isinstance(value, (str, os.PathLike)) else check_list(value, what)
    return tuple(check_path(each, what) for each in several)


def parse_position(text: str) -> Position:
    """A position written as `partition:offset`."""
    try:
        return Position.parse(text)
    except ValueError as error:
        raise InvalidInput(str(error)) from None


def check_position(value: Position) -> Position:
    """A position whose numbers count from 0."""
    numbers: tuple[object, ...] = value
    for number in numbers:
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**63:
            raise InvalidInput(
                f"{shorten(value)} is no position: partition and offset count from 0"
            )
    return value


def check_count(value: object, what: str) -> int:
    """A whole number from 0 up."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise InvalidInput(f"{what} must be a whole number from 0 up, not {shorten(value)}")
    return value


def check_share(value: object, what: str) -> float:
    """A number from 0 to 1."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise InvalidInput(f"{what} must be a number from 0 to 1, not {shorten(value)}")
    return float(value)


def check_seconds(value: object, what: str) -> float:
    """How long to wait."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise InvalidInput(f"{what} must be a number of seconds, not {shorten(value)}")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not 0 <= seconds < math.inf:
        raise InvalidInput(f"{what} must be a number of seconds from 0 up, not {shorten(value)}")
    return seconds


def check_id(value: object, what: str = "cube id") -> bytes:
    """The 16 bytes of an id given as 36 characters."""
    if not isinstance(value, str):
        raise InvalidInput(f"a {what} is a text of 36 characters, not {shorten(value)}")
    try:
        return id_bytes(value)
    except ValueError as error:
        raise InvalidInput(f"{what}: {error}") from None


def check_time(value: object, what: str) -> int:
    """A point in time as microseconds since 1970."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidInput(
                f"{what} {shorten(value)} is no time: write it like 2023-05-08T13:56:00Z"
            ) from None
        if value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
    if not isinstance(value, datetime):
        raise InvalidInput(f"{what} must be a datetime or an ISO 8601 text, not {shorten(value)}")
    return (in_utc(value, what) - EPOCH) // timedelta(microseconds=1)


def check_duration(value: object, what: str) -> int:
    """A duration as microseconds: a timedelta, or a text such as 90d, 12h, 1.5h."""
    if isinstance(value, timedelta):
        amount = value // timedelta(microseconds=1)
    else:
        match = None
        if isinstance(value, str) and len(value) <= MAX_NAME_BYTES:
            match = _DURATION.fullmatch(value.strip())
        if match is None or float(match[1]) > 2**61:
            raise InvalidInput(
                f"{what} {shorten(value)} is no duration: write it like 90d, 12h or 30min"
            )
        amount = round(float(match[1]) * _UNITS[match[2]])
    if not 0 < amount < 2**61:
        raise InvalidInput(f"{what} must be longer than nothing and shorter than 70,000 years")
    return amount


def check_lifespan(
    after: object,
    now: int,
    *,
    renewed_by_access: bool = False,
    then: str = "archive",
    half_life: object = None,
) -> Lifespan:
    """A lifespan that starts now."""
    ends = {end.name.lower(): end for end in LifespanEnd}
    check_choice(then, ends, "then")
    return Lifespan(
        0 if after is None else check_duration(after, "after"),
        now,
        check_flag(renewed_by_access, "renewed_by_access"),
        0 if half_life is None else check_duration(half_life, "half_life"),
        ends[then],
    )


def check_priority(value: object) -> int:
    """A priority: a whole number."""
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**31) <= value < 2**31:
        raise InvalidInput(f"priority must be a whole number, not {shorten(value)}")
    return value


def check_version(value: object, what: str = "version") -> int:
    """A version counts from 1."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise InvalidInput(f"{what} must be 1 or more, not {shorten(value)}")
    return value


def check_limit(value: object, name: str = "k", most: int = 10_000) -> int:
    """How many: 1 to `most`. `name` is the argument's."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidInput(
            f"{name} must be a whole number from 1 to {most:,}, not {shorten(value)}"
        )
    return value
