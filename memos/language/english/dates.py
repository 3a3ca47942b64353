"""Dates in English, absolute or relative to a day, as stretches of days."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from memos.language.english.calendar import MONTHS, WEEKDAYS


class DayRange(NamedTuple):
    """Days, the end exclusive."""

    start: date
    end: date


class DateMention(NamedTuple):
    """A date and where in the text it is named."""

    begin: int
    stop: int
    span: DayRange


_MONTH_NAMES = {name.lower(): number for number, name in enumerate(MONTHS, 1)}
_MONTH_NUMBERS = {**_MONTH_NAMES, **{name[:3]: number for name, number in _MONTH_NAMES.items()}}
WEEKDAY_NUMBERS = {name.lower(): number for number, name in enumerate(WEEKDAYS)}
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_COUNTS = {
    word: count
    for count, words in enumerate(
        [
            "a/an/one/the",
            "two/couple/couple+of",
            "three/few/a+few",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
        ],
        1,
    )
    for word in words.replace("+", " ").split("/")
}

_MONTH = (
    rf"({'|'.join(MONTHS).lower()}|(?:{'|'.join(name[:3] for name in MONTHS).lower()})(?=[ .]))\.?"
)
_YEAR = r"((?:19|20)\d\d)"
_DAY_OF_MONTH = r"(\d{1,2})(?:st|nd|rd|th)?"
WEEKDAY = rf"({'|'.join(WEEKDAYS).lower()})"
_SEASON = r"(spring|summer|autumn|fall|winter)"
UNIT = r"(day|night|week|weekend|month|year)s?"
COUNT = (
    r"(\d{1,3}|a few|few|(?:a )?couple(?: of)?|an?"
    r"|one|two|three|four|five|six|seven|eight|nine|ten)"
)

_Resolve = Callable[[re.Match[str], date], DayRange | None]


MOST_DATES = 16
"""Dates of a text that are read."""


def dates_in(text: str, today: date) -> list[DateMention]:
    """The dates that a text names, in order; of two that overlap the one of the earlier rule."""
    mentions: list[DateMention] = []
    for pattern, resolve in _RULES:
        for match in pattern.finditer(text):
            if any(
                match.start() < mention.stop and mention.begin < match.end() for mention in mentions
            ):
                continue
            try:
                span = resolve(match, today)
            except (ValueError, OverflowError):
                continue  # 31 June, or a year before the first
            if span is not None and len(mentions) < MOST_DATES:
                mentions.append(DateMention(match.start(), match.end(), span))
    return sorted(mentions)


def one_day(day: date) -> DayRange:
    """A day as a stretch."""
    return DayRange(day, day + timedelta(days=1))


def _month(year: int, month: int) -> DayRange:
    return DayRange(date(year, month, 1), months_on(date(year, month, 1), 1))


def months_on(day: date, months: int) -> date:
    """The same day of another month, or its last."""
    years, month = divmod(day.month - 1 + months, 12)
    first = date(day.year + years, month + 1, 1)
    last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(day.day, last.day))


def _year(year: int) -> DayRange:
    return DayRange(date(year, 1, 1), date(year + 1, 1, 1))


def _season(name: str, year: int) -> DayRange:
    start = date(year, _SEASONS[name], 1)
    return DayRange(start, months_on(start, 3))


def _latest(begin: Callable[[int], DayRange], today: date) -> DayRange:
    """Of what comes every year the latest that has begun."""
    this = begin(today.year)
    return this if this.start <= today else begin(today.year - 1)


def _moved(unit: str, count: int, today: date) -> DayRange:
    """The stretch of a unit that lies so many of them on; the present one for 0."""
    if unit in ("day", "night"):
        return one_day(today + timedelta(days=count))
    monday = today - timedelta(days=today.weekday())
    if unit == "week":
        return DayRange(monday + timedelta(weeks=count), monday + timedelta(weeks=count + 1))
    if unit == "weekend":
        saturday = monday + timedelta(weeks=count, days=5)
        return DayRange(saturday, saturday + timedelta(days=2))
    if unit == "month":
        first = months_on(today.replace(day=1), count)
        return DayRange(first, months_on(first, 1))
    return _year(today.year + count)


_STEPS = {"last": -1, "past": -1, "previous": -1, "this": 0, "current": 0, "next": 1, "coming": 1}


def _relative(match: re.Match[str], today: date) -> DayRange:
    return _moved(match[2], _STEPS[match[1]], today)


def _weekday(match: re.Match[str], today: date) -> DayRange:
    """`last Friday` is the one before today, `this Friday` and `next Friday` come."""
    weekday, step = WEEKDAY_NUMBERS[match[2]], _STEPS[match[1]]
    if step < 0:
        return one_day(today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1))
    return one_day(today + timedelta(days=(weekday - today.weekday() - step) % 7 + step))


def _relative_season(match: re.Match[str], today: date) -> DayRange:
    """`last summer` is the latest that is over, `this summer` that of the year."""
    step, name = _STEPS[match[1]], match[2]
    years = range(today.year - 2, today.year + 3)
    if step < 0:
        return max(span for year in years if (span := _season(name, year)).end <= today)
    if step > 0:
        return min(span for year in years if (span := _season(name, year)).start > today)
    return _season(name, today.year)


def _relative_month(match: re.Match[str], today: date) -> DayRange:
    step, month = _STEPS[match[1]], _MONTH_NUMBERS[match[2]]
    if step > 0:
        return _month(today.year + (month <= today.month), month)
    first = today.replace(day=1) if step < 0 else today
    return _latest(lambda year: _month(year, month), first - timedelta(days=int(step < 0)))


def count_of(text: str) -> int:
    """A count in figures or words, such as `a couple of`."""
    text = text.removeprefix("a ").removesuffix(" of")
    return int(text) if text.isdigit() else _COUNTS[text]


def _ago(match: re.Match[str], today: date) -> DayRange:
    """`two weeks ago`: about then, half a unit to both sides; of days exactly."""
    unit, count = match[2], count_of(match[1])
    return around(today, unit, -count)


def around(day: date, unit: str, count: int) -> DayRange:
    """About so many units from a day: half a unit to both sides; of days exactly."""
    if unit in ("day", "night"):
        return one_day(day + timedelta(days=count))
    if unit in ("week", "weekend"):
        about = day + timedelta(weeks=count)
        return DayRange(about - timedelta(days=3), about + timedelta(days=4))
    if unit == "month":
        about = months_on(day, count)
        return DayRange(about - timedelta(days=15), about + timedelta(days=16))
    about = months_on(day, 12 * count)
    return DayRange(months_on(about, -6), months_on(about, 6))


def _recent(match: re.Match[str], today: date) -> DayRange:
    """`in the last three months`: up to today."""
    unit, count = match[2], count_of(match[1])
    days = {"day": 1, "night": 1, "week": 7, "weekend": 7}.get(unit)
    start = (
        today - timedelta(days=days * count)
        if days
        else months_on(today, -count * (12 if unit == "year" else 1))
    )
    return DayRange(start, today + timedelta(days=1))


def _rule(pattern: str, resolve: _Resolve) -> tuple[re.Pattern[str], _Resolve]:
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)"), resolve


_STEP = rf"({'|'.join(_STEPS)})"
_RULES: tuple[tuple[re.Pattern[str], _Resolve], ...] = (
    _rule(r"(\d{4})-(\d\d)-(\d\d)", lambda m, _: one_day(date(int(m[1]), int(m[2]), int(m[3])))),
    _rule(
        rf"{_DAY_OF_MONTH}(?: of)? {_MONTH},? {_YEAR}",
        lambda m, _: one_day(date(int(m[3]), _MONTH_NUMBERS[m[2]], int(m[1]))),
    ),
    _rule(
        rf"{_MONTH} {_DAY_OF_MONTH},? {_YEAR}",
        lambda m, _: one_day(date(int(m[3]), _MONTH_NUMBERS[m[1]], int(m[2]))),
    ),
    _rule(rf"{_MONTH},?(?: of)? {_YEAR}", lambda m, _: _month(int(m[2]), _MONTH_NUMBERS[m[1]])),
    _rule(rf"{_SEASON},?(?: of)? {_YEAR}", lambda m, _: _season(m[1], int(m[2]))),
    _rule(
        rf"{_DAY_OF_MONTH}(?: of)? {_MONTH}",
        lambda m, t: _latest(lambda y: one_day(date(y, _MONTH_NUMBERS[m[2]], int(m[1]))), t),
    ),
    _rule(
        rf"{_MONTH} {_DAY_OF_MONTH}",
        lambda m, t: _latest(lambda y: one_day(date(y, _MONTH_NUMBERS[m[1]], int(m[2]))), t),
    ),
    _rule(rf"(?:the )?{COUNT} {UNIT} ago", _ago),
    _rule(rf"(?:the )?(?:last|past) {COUNT} {UNIT}", _recent),
    _rule(rf"(?:the )?{_STEP} {_SEASON}", _relative_season),
    _rule(rf"{_STEP} {WEEKDAY}", _weekday),
    _rule(rf"{_STEP} {_MONTH}", _relative_month),
    _rule(rf"(?:the )?{_STEP} {UNIT}", _relative),
    _rule(
        rf"(?:in|during|since|until|before|after|by|of) {_MONTH}",
        lambda m, t: _latest(lambda y: _month(y, _MONTH_NUMBERS[m[1]]), t),
    ),
    _rule(
        rf"(?:in|during|of|over) the {_SEASON}",
        lambda m, t: _latest(lambda y: _season(m[1], y), t),
    ),
    _rule(r"the day before yesterday", lambda _, t: one_day(t - timedelta(days=2))),
    _rule(r"yesterday", lambda _, t: one_day(t - timedelta(days=1))),
    _rule(r"today|tonight|this (?:morning|afternoon|evening)", lambda _, t: one_day(t)),
    _rule(r"tomorrow", lambda _, t: one_day(t + timedelta(days=1))),
    _rule(_YEAR, lambda m, _: _year(int(m[1]))),
    _rule(rf"the {UNIT} before(?= *(?:[?.!,]|$))", lambda m, t: _moved(m[1], -1, t)),
)
