from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from memos.language.english.windows import windows

NOW = int(datetime(2023, 8, 17, 12, tzinfo=UTC).timestamp()) * 1_000_000  # a Thursday
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def days(text: str, now: int = NOW) -> list[tuple[str, str]]:
    return [(day(window.start), day(window.end)) for window in windows(text, now)]


def day(at: int) -> str:
    return (EPOCH + timedelta(microseconds=at)).date().isoformat()


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("What happened in May 2023?", "2023-05-01", "2023-06-01"),
        ("What did she do on 3 June, 2023", "2023-06-03", "2023-06-04"),
        ("on June 3rd", "2023-06-03", "2023-06-04"),
        ("2023-08-03", "2023-08-03", "2023-08-04"),
        ("in 2022", "2022-01-01", "2023-01-01"),
        ("in early 2022", "2022-01-01", "2022-05-03"),
        ("the first half of September 2022", "2022-09-01", "2022-09-16"),
        ("summer 2021", "2021-06-01", "2021-09-01"),
        ("yesterday", "2023-08-16", "2023-08-17"),
        ("last night", "2023-08-16", "2023-08-17"),
        ("the day before yesterday", "2023-08-15", "2023-08-16"),
        ("last summer", "2022-06-01", "2022-09-01"),
        ("this summer", "2023-06-01", "2023-09-01"),
        ("last Friday", "2023-08-11", "2023-08-12"),
        ("next Friday", "2023-08-18", "2023-08-19"),
        ("last May", "2023-05-01", "2023-06-01"),
        ("the week before?", "2023-08-07", "2023-08-14"),
        ("two weeks ago", "2023-07-31", "2023-08-07"),
        ("a couple of weeks ago", "2023-07-31", "2023-08-07"),
        ("in the last three months", "2023-05-17", "2023-08-18"),
        ("the week before 9 June 2023", "2023-06-02", "2023-06-09"),
        ("the Sunday before October 25, 2022", "2022-10-23", "2022-10-24"),
        ("last weekend before April 10, 2023", "2023-04-08", "2023-04-10"),
        ("the month after May 2022", "2022-06-01", "2022-07-01"),
        ("since March", "2023-03-01", "9999-12-31"),
        ("before April 10, 2023", "0001-01-01", "2023-04-10"),
        ("by July 10, 2022", "0001-01-01", "2022-07-11"),
        ("between 2021 and 2023", "2021-01-01", "2024-01-01"),
        ("from May 2023 to July 2023", "2023-05-01", "2023-08-01"),
    ],
)
def test_a_date_is_a_stretch_of_days(text: str, start: str, end: str) -> None:
    assert days(text) == [(start, end)]


@pytest.mark.parametrize(
    "text",
    ["", "What may Ana do?", "a march of ten", "5 apples", "the second of three", "0000-00-00"],
)
def test_what_names_no_time_gives_none(text: str) -> None:
    assert days(text) == []


def test_two_dates_are_two_windows() -> None:
    assert days("on 5 May 2023 or 6 June 2022") == [
        ("2023-05-05", "2023-05-06"),
        ("2022-06-06", "2022-06-07"),
    ]


def test_a_phrase_tells_what_was_read() -> None:
    (window,) = windows("What was said the week before 9 June 2023?", NOW)
    assert window.phrase == "the week before 9 june 2023"


@pytest.mark.parametrize("now", [-(2**62), 0, 2**62])
def test_a_time_beyond_the_calendar_is_no_error(now: int) -> None:
    for text in (
        "last year",
        "100 years ago",
        "999 years ago",
        "next week",
        "the week before 2001",
    ):
        windows(text, now)


def test_a_very_long_query_is_read_in_time_that_does_not_explode() -> None:
    assert len(windows("in May 2023 " * 10_000, NOW)) < 200
