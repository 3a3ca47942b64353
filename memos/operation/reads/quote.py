"""Texts for prompts: how they are quoted, and about how many tokens they have."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

CountTokens = Callable[[str], int]
"""How many tokens a text has. It need not be additive: a whole block is counted in the end."""

_RUNS = re.compile(r"([A-Za-z]+)|([0-9]+)|[^\sA-Za-z0-9]")
_LETTERS, _DIGITS = 6, 3
_ESCAPED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # part of the spelling of Persian, of Indic scripts and of emoji


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has, by rule and without a model, rather too many than too few.

    A run of ASCII letters counts one for every six begun, a run of digits one for every three
    begun, any other character but white space one. Pass a model's own counter where it matters.
    """
    total = 0
    for match in _RUNS.finditer(text):
        letters, digits = match.span(1), match.span(2)
        if letters[0] >= 0:
            total += -(-(letters[1] - letters[0]) // _LETTERS)
        elif digits[0] >= 0:
            total += -(-(digits[1] - digits[0]) // _DIGITS)
        else:
            total += 1
    return total


def quote(text: str) -> str:
    """A text as a JSON string on one line that holds nothing invisible and no angle bracket."""
    quoted = json.dumps(text, ensure_ascii=False)
    if quoted.isascii() and quoted.isprintable() and "<" not in quoted and ">" not in quoted:
        return quoted
    return "".join(map(_shown, quoted))


@lru_cache(maxsize=4096)
def _shown(character: str) -> str:
    """A character of a JSON string, or its escape in UTF-16 code units, as JSON writes them."""
    invisible = unicodedata.category(character) in _ESCAPED and character not in _JOINERS
    if not (invisible or character in "<>" or "\U000e0000" <= character <= "\U000e0fff"):
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
