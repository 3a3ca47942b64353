"""What callers may pass. Everything is checked before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from memos.kernel.cube import Lifespan, LifespanEnd
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.event import id_bytes
from memos.operation.cube import EPOCH

MAX_NAME_BYTES = 1024
MAX_TAGS = 1_000_000

Time = datetime | str
"""An aware datetime, or ISO 8601 such as 2023-05-08T13:56:00Z (a date alone means midnight UTC)."""

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
    """A short text such as an actor, a source or a tag."""
    if not isinstance(value, str) or not (value or empty):
        raise InvalidInput(f"{what} must be a text, not {shorten(value)}")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidInput(
            f"{what} holds half a surrogate pair ({shorten(value)}): only a memory's text may"
        ) from None
    if size > MAX_NAME_BYTES:
        raise InvalidInput(f"{what} is {size} bytes long; at most {MAX_NAME_BYTES} are kept")
    return value


def check_names(values: object, what: str) -> tuple[str, ...]:
    """Several of them, in order, without repeats."""
    if values == () or values == []:
        return ()
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidInput(f"{what} must be a list of texts, not {shorten(values)}")
    names = tuple(dict.fromkeys(check_name(value, f"each of {what}") for value in values))
    if len(names) > MAX_TAGS:
        raise InvalidInput(f"{what} has {len(names)} entries; at most {MAX_TAGS} are kept")
    return names


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
    if value.tzinfo is None:
        raise InvalidInput(f"{what} {value} has no time zone: pass an aware datetime")
    try:
        return (value.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
    except OverflowError:
        raise InvalidInput(f"{what} {value} lies outside the years 1 to 9999 in UTC") from None


def check_duration(value: object, what: str) -> int:
    """A duration as microseconds: a timedelta, or a text such as 90d, 12h, 1.5h."""
    if isinstance(value, timedelta):
        amount = value // timedelta(microseconds=1)
    else:
        match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
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
    if then not in ends:
        raise InvalidInput(f"then={then!r} is not known: choose archive, expire or erase")
    return Lifespan(
        0 if after is None else check_duration(after, "after"),
        now,
        bool(renewed_by_access),
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


def check_limit(value: object, most: int = 10_000) -> int:
    """How many results: 1 to `most`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidInput(f"k must be a whole number from 1 to {most:,}, not {shorten(value)}")
    return value
