"""Times as programs write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from memos.infrastructure.transfer.importers.times import read_time, zone_of
from memos.kernel.errors import InvalidInput, Refused


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-01T12:00:00Z",
        "2024-05-01 12:00:00+00:00",
        "2024-05-01T14:00:00.000000000+02:00",
        "20240501T120000Z",
        "Wed, 01 May 2024 14:00:00 +0200",
        "Wed, 01 May 2024 12:00:00 GMT",
        1714564800,
        1714564800.0,
        1714564800000,
        "1714564800",
        "1714564800000",
        {"$date": "2024-05-01T12:00:00Z"},
        {"$date": 1714564800000},
        {"$date": {"$numberLong": "1714564800000"}},
        {"$numberLong": "1714564800000"},
    ],
)
def test_every_form_of_a_time_is_the_same_moment(value: Any) -> None:
    told = read_time(value, "line 1")
    assert told is not None
    assert read_time(told, "line 1") == told
    assert datetime.fromisoformat(told).astimezone(UTC).isoformat() == "2024-05-01T12:00:00+00:00"


def test_a_time_without_a_zone_is_in_the_one_that_was_stated() -> None:
    oslo = zone_of("Europe/Oslo")
    assert read_time("2024-05-01 12:00:00", "x") == "2024-05-01T12:00:00+00:00"
    assert read_time("2024-05-01 12:00:00", "x", oslo) == "2024-05-01T12:00:00+02:00"
    assert read_time("2024-12-01", "x", oslo) == "2024-12-01T00:00:00+01:00"
    assert read_time("Wed, 01 May 2024 12:00:00 -0000", "x", oslo) == "2024-05-01T12:00:00+02:00"
    assert read_time("2024-05-01T12:00:00Z", "x", oslo) == "2024-05-01T12:00:00+00:00"
    assert read_time({"$date": 0}, "x", oslo) == "1970-01-01T00:00:00+00:00"
    assert read_time(None, "x") is None
    assert read_time("", "x") is None
    assert zone_of("UTC") is UTC
    assert isinstance(oslo, ZoneInfo)


@pytest.mark.parametrize(
    "value", ["noon", True, [1], {}, {"$date": None}, {"at": 1}, 1e300, float("nan"), "1e5", b"1"]
)
def test_what_is_no_time_is_refused_with_its_place(value: Any) -> None:
    with pytest.raises(Refused, match=r"line 7: .* is no time: ISO 8601, RFC 2822"):
        read_time(value, "line 7")


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", 7, None])
def test_a_zone_that_is_none_is_refused(name: Any) -> None:
    with pytest.raises(InvalidInput, match="timezone="):
        zone_of(name)
