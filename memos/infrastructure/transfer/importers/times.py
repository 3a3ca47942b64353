"""Points in time as other programs write them, as ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from memos.kernel.errors import InvalidInput, Refused, shorten

FORMS = "ISO 8601, RFC 2822, seconds or milliseconds since 1970 and Mongo's $date are read"
_NUMBER = re.compile(r"-?\d{9,}(\.\d+)?")
_MILLISECONDS_FROM = 1e11
"""The number from which on an epoch is in milliseconds: as seconds it is the year 5138, as milliseconds
1973."""


def zone_of(name: object) -> tzinfo:
    """A time zone by its IANA name, such as Europe/Oslo.

    Raises:
        InvalidInput: there is none of that name.
    """
    try:
        if isinstance(name, str):
            return UTC if name == "UTC" else ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        pass
    raise InvalidInput(
        f"timezone={shorten(name)} is not known: name one as IANA does, such as Europe/Oslo"
    )


def read_time(value: Any, where: str, zone: tzinfo = UTC) -> str | None:
    """A time, or None where there is none; one without a zone is in `zone`.

    Raises:
        Refused: it is no time.
    """
    if value is None or value == "":
        return None
    try:
        moment = _moment(value)
    except (TypeError, ValueError, OverflowError, OSError, RecursionError):
        raise Refused(f"{where}: {shorten(value)} is no time: {FORMS}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()


def _moment(value: Any) -> datetime:
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        if name == "$numberLong":
            return _epoch(int(inner))
        if name == "$date":
            return _from_mongo(inner)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _epoch(value)
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise TypeError
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _epoch(float(text))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)


def _from_mongo(value: Any) -> datetime:
    """Extended JSON: a text, or milliseconds however few."""
    if isinstance(value, dict):
        value = int(value["$numberLong"]) if value.keys() == {"$numberLong"} else None
    if isinstance(value, int) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000, UTC)
    return _moment(value)


def _epoch(number: float) -> datetime:
    return datetime.fromtimestamp(
        number / 1000 if abs(number) >= _MILLISECONDS_FROM else number, UTC
    )
