"""The dates of a query, absolute and relative, as windows in time.

In UTC, against the time that the query is asked at: `in May 2023`, `last summer`, `two
weeks ago`, `the week before 9 June 2023`, `since March`, `between 2021 and 2023`. The libraries
of dates give a point where a question means a stretch (docs/retrieval.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from memos.language.english.dates import (
    COUNT,
    UNIT,
    WEEKDAY,
    WEEKDAY_NUMBERS,
    DateMention,
    DayRange,
    around,
    count_of,
    dates_in,
    months_on,
    one_day,
)
from memos.language.port import LONGEST_QUERY, Window

_MICROSECONDS = 1_000_000
_EPOCH = date(1970, 1, 1)
_DAY = 24 * 3600 * _MICROSECONDS
_EARLIEST, _LATEST = date.min, date.max


def windows(text: str, now: int) -> tuple[Window, ...]:
    """The stretches of time that a query names, in its order.

    Args:
        text: the query.
        now: what it is relative to, microseconds since 1970.
    """
    text = text[:LONGEST_QUERY].lower()
    try:
        today = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now)).date()
    except OverflowError:
        return ()
    mentions = [_modified(text, mention) for mention in dates_in(text, today)]
    return tuple(
        Window(
            (span.start - _EPOCH).days * _DAY,
            (span.end - _EPOCH).days * _DAY,
            text[begin:stop].strip(),
        )
        for begin, stop, span in _joined(text, mentions)
        if span.start < span.end
        and not any(
            mention.begin <= begin
            and stop <= mention.stop
            and mention.stop - mention.begin > stop - begin
            for mention in mentions
        )
    )


_PART = re.compile(
    r"(?:the )?(early|beginning|start|first half|mid|middle|late|end|second half)"
    r"(?: of| in|-)? ?(?:the )?$"
)
_BESIDE = re.compile(rf"(?:the |last )?(?:{COUNT} )?(?:{UNIT}|{WEEKDAY}) (before|after) (?:the )?$")
_BOUND = re.compile(r"(before|until|till|by|after|since|from) (?:the )?$")
_PARTS = {
    "early": (0, 1, 3), "beginning": (0, 1, 3), "start": (0, 1, 3), "first half": (0, 1, 2),
    "mid": (1, 2, 3), "middle": (1, 2, 3), "late": (2, 3, 3), "end": (2, 3, 3),
    "second half": (1, 2, 2),
}  # fmt: skip


def _modified(text: str, mention: DateMention) -> DateMention:
    """A date with what stands before it: `late`, `the week before`, `since`."""
    begin, stop, span = mention
    bound = _BOUND.match(text[begin:].partition(" ")[0] + " ")
    if (match := _PART.search(text, 0, begin)) is not None:
        first, last, of = _PARTS[match[1]]
        days = (span.end - span.start).days
        start = span.start + timedelta(days=days * first // of)
        span, begin = (
            DayRange(start, span.start + timedelta(days=-(-days * last // of))),
            match.start(),
        )
    try:
        if (match := _BESIDE.search(text, 0, begin)) is not None:
            return DateMention(match.start(), stop, _beside(match, span))
    except OverflowError:
        return mention
    match = bound or _BOUND.search(text, 0, begin)
    if match is None:
        return DateMention(begin, stop, span)
    begin = begin if match is bound else match.start()
    if match[1] in ("before", "until", "till", "by"):
        end = span.start if match[1] == "before" else span.end
        return DateMention(begin, stop, DayRange(_EARLIEST, end))
    start = span.end if match[1] == "after" else span.start
    return DateMention(begin, stop, DayRange(start, _LATEST))


def _beside(match: re.Match[str], span: DayRange) -> DayRange:
    """`the week before 9 June`: the seven days; `two weeks before`: about then."""
    count, unit, weekday, side = match.groups()
    sign = -1 if side == "before" else 1
    edge = span.start if sign < 0 else span.end
    if weekday is not None:
        number = WEEKDAY_NUMBERS[weekday]
        if sign < 0:
            return one_day(edge - timedelta(days=(edge.weekday() - number - 1) % 7 + 1))
        return one_day(edge + timedelta(days=(number - edge.weekday()) % 7))
    if count is not None and count not in ("a", "an", "one"):
        return around(span.start, unit, sign * count_of(count))
    if unit == "weekend":
        return _beside_weekend(edge, sign)
    days = {"day": 1, "night": 1, "week": 7}.get(unit)
    far = (
        edge + timedelta(days=sign * days)
        if days
        else months_on(edge, sign * (12 if unit == "year" else 1))
    )
    return DayRange(min(edge, far), max(edge, far))


def _beside_weekend(edge: date, sign: int) -> DayRange:
    saturday = edge - timedelta(days=(edge.weekday() - 5) % 7)
    if sign < 0 and saturday + timedelta(days=1) >= edge:
        saturday -= timedelta(days=7)
    if sign > 0 and saturday < edge:
        saturday += timedelta(days=7)
    return DayRange(saturday, saturday + timedelta(days=2))


def _joined(text: str, mentions: list[DateMention]) -> Iterator[DateMention]:
    """`between 2021 and 2023`, `from May to July 2023` as one."""
    at = 0
    while at < len(mentions):
        one = mentions[at]
        if at + 1 < len(mentions):
            other = mentions[at + 1]
            between = text[one.stop : other.begin].strip()
            ranged = text[: one.begin].rstrip().endswith("between") and between == "and"
            until = between in ("to", "until", "till", "-", "–") or other.span.start == _EARLIEST
            if ranged or (until and one.span.end in (_LATEST, other.span.start)):
                yield DateMention(one.begin, other.stop, DayRange(one.span.start, other.span.end))
                at += 2
                continue
        yield one
        at += 1
