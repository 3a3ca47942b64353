from __future__ import annotations

from datetime import date

from memos.language.english.calendar import day_words
from memos.language.english.dates import DateMention, DayRange, dates_in


def test_a_day_in_words_is_read_as_that_day() -> None:
    for month in range(1, 13):
        day = date(2023, month, 9)
        words = day_words(day)
        span = DayRange(day, date(2023, month, 10))
        assert dates_in(words.lower(), date(2024, 1, 1)) == [DateMention(0, len(words), span)]
