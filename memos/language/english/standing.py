"""Whether a text says what somebody wants from then on: an instruction, or a preference."""

from __future__ import annotations

import re

from memos.language.indexed_text import INSTRUCTS, PREFERS

LONGEST_TEXT = 4_000
"""Characters of a text that are looked at."""

_SENTENCE = r"(?:^|[.!?;:\n]\s*|\b(?:please|also),? )"
_INSTRUCTION = re.compile(
    rf"{_SENTENCE}(?:please )?(?:always|never) (?!been\b|had\b|was\b|were\b|thought\b|wanted\b)\w+"
    r"|\bfrom now on\b|\bin (?:the )?future,? (?:please|always|never|do)\b|\bgoing forward\b"
    r"|\b(?:whenever|every time|each time|any time) (?:i ask|you)\b"
    r"|\bwhen(?:ever)? i ask\b|\b(?:remember|make sure|be sure) to (?:always|never)\b"
    r"|\byou (?:should|must) (?:always|never)\b|\b(?:don't|do not) ever\b"
    r"|\b(?:call|address) me\b",
    re.IGNORECASE,
)
_INSTRUCTS = (
    *("always", "ever", "now on", "future", "forward"),
    *("time ", "i ask", "call me", "address me"),
)
"""One of these stands in every instruction: to look for them takes a twentieth of the time."""
_PREFERENCE = re.compile(
    r"\b(?:i|we)(?:'d| would)?(?: really| much| always| usually| generally| still)?"
    r" (?:prefer|favou?r|rather|like it when|love it when|like to have)\b"
    r"|\b(?:i|we) (?:really |absolutely )?(?:like|love|enjoy|hate|dislike|can't stand|avoid|value)\b"
    r"|\bmy (?:favou?rite|preference|preferred|go-to)\b|\bi'm (?:not )?(?:a fan of|into|fond of)\b"
    r"|\b(?:i|we)(?: do not| don't) (?:like|want|eat|drink|use)\b"
    r"|\bi(?:'m| am) (?:trying|aiming|hoping) to (?:keep|avoid|minimi[sz]e|stay|stick)\b"
    r"|\bi(?:'ve| have)? ch(?:ose|osen) to\b|\brather than\b|\bwithout (?:using|any)\b",
    re.IGNORECASE,
)


def standing(text: str) -> int:
    """What a text asks for from then on, as a bit set: INSTRUCTS, PREFERS."""
    text = text[:LONGEST_TEXT].replace("’", "'")
    may_instruct = not text.isascii() or any(map(text.lower().__contains__, _INSTRUCTS))
    return (INSTRUCTS if may_instruct and _INSTRUCTION.search(text) else 0) | (
        PREFERS if _PREFERENCE.search(text) else 0
    )
