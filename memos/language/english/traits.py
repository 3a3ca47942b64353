"""Whether a text speaks of a time or a number: a question about either prefers such texts."""

from __future__ import annotations

import re

from memos.language.english.calendar import MONTHS, WEEKDAYS
from memos.language.indexed_text import COUNTED, TIMED

LONGEST_TEXT = 4_000
"""Characters of a text that are looked at."""

_MONTHS = "|".join(name for name in MONTHS if name != "May")  # mostly a verb
_STRETCH = (
    rf"night|week|weekend|month|year|summer|winter|spring|fall|autumn|{'|'.join(WEEKDAYS).lower()}"
)
_TIME = re.compile(
    rf"\b(?:yesterday|today|tonight|tomorrow|ago|recently|since|years?|months?|weeks?"
    rf"|(?:last|next|this) (?:{_STRETCH})|this (?:morning|afternoon|evening)"
    rf"|(?:19|20)\d\d|\d{{1,2}} ?[ap]m|\d{{1,2}}:\d\d)\b"
    rf"|\b(?:{_MONTHS})\b|\b(?:in|since|until) May\b|\bMay \d"
)
_NUMBER = re.compile(
    r"\b(?:\d+|two|three|four|five|six|seven|eight|nine|ten|once|twice|several|dozens?|hundreds?"
    r"|first|second|third|couple|few)\b",
    re.IGNORECASE,
)


def traits(text: str) -> int:
    """The traits of a text as a bit set: TIMED, COUNTED."""
    text = text[:LONGEST_TEXT]
    return (TIMED if _TIME.search(text) else 0) | (COUNTED if _NUMBER.search(text) else 0)
