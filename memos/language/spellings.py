"""What else a word may be looked for by: its stem, less what its script joins to it, its start.

Language needs a dictionary, script does not: what is done here is done alike to texts and queries,
by the script of a word alone, so a wrong cut finds more and loses nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise, product
from threading import Lock
from typing import NamedTuple

import Stemmer

from memos.language.letters import plain_letters

_LONGEST = 40  # characters; longer tokens are data, not words
_SHORTEST_REST = 2

_SCRIPTS = (
    (0x0370, 0x03FF, "greek"),
    (0x0400, 0x052F, "russian"),
    (0x0530, 0x058F, "armenian"),
    (0x0590, 0x05FF, "hebrew"),
    (0x0600, 0x08FF, "arabic"),
    (0x0900, 0x097F, "hindi"),
    (0x0980, 0x0B7F, "start"),
    (0x0B80, 0x0BFF, "tamil"),
    (0x0C00, 0x0DFF, "start"),
    (0x0F00, 0x0FFF, "start"),
    (0x10A0, 0x10FF, "start"),
    (0x1200, 0x137F, "ethiopic"),
    (0x1C90, 0x1CBF, "start"),
    (0xAC00, 0xD7A3, "hangul"),
)
"""From, to, and what is done to words of the script: a Snowball algorithm where it has one."""

_STEMMED = ("greek", "russian", "armenian", "arabic", "hindi", "tamil")

_STARTS = {"start": 4, "hindi": 4, "tamil": 4, "armenian": 4, "greek": 5, "russian": 5}
"""Characters by which longer words of scripts are known whose words grow at their end."""

_JOINED = {
    "hebrew": ("ו", "ה", "ב", "ל", "מ", "ש", "כ"),
    "arabic": ("و", "ف", "ب", "ك", "ل", "ال"),
    "ethiopic": ("በ", "ለ", "የ", "ከ", "ስለ", "እንደ"),
}
"""Prepositions, conjunctions and articles that are written as the first letters of a word."""

_MOST_JOINED = 3


_ALPHABETS = [
    (re.compile(f"({'|'.join(alphabet)})"), alphabet)
    for alphabet in (
        {"l": "ł"},
        {"o": "ø", "ae": "æ"},
        {"d": "ð", "th": "þ", "ae": "æ"},
        {"d": "đ"},
        {"oe": "œ"},
        {"i": "ı"},
        {"h": "ħ"},
        {"t": "ŧ", "d": "đ", "n": "ŋ"},
    )
]
"""Letters of one language each, and how a keyboard without them writes them."""
_MOST_PLACES = 5


class Spellings(NamedTuple):
    """What else a word is found by, beside itself.

    `same` are other writings of the word and its stem; `parts` are pairs of its syllables, which
    count each for itself, as in scripts without spaces.
    """

    same: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


_NONE = Spellings()


class Spelling:
    """Finds the other spellings of words; safe to share between threads."""

    def __init__(self) -> None:
        self._stemmers = {name: Stemmer.Stemmer(name, 0) for name in _STEMMED}
        self._lock = Lock()  # a stemmer may not be used by two threads at once

    def of(self, word: str) -> Spellings:
        """The other spellings of a folded word, none of them the word itself."""
        if word.isascii() or len(word) > _LONGEST:
            return _NONE
        plain = plain_letters(word)
        script = _script_of(plain)
        if script == "hangul":
            return Spellings((), _syllables(plain))
        found = [plain]
        if script in _STEMMED:
            with self._lock:
                found.append(self._stemmers[script].stemWord(plain))
        found += _without_joined(plain, _JOINED.get(script, ()))
        if len(plain) > _STARTS.get(script, _LONGEST):
            found.append(plain[: _STARTS[script]])
        return Spellings(tuple(each for each in dict.fromkeys(found) if each and each != word))


@lru_cache(maxsize=4096)
def letter_spellings(word: str) -> frozenset[str]:
    """The folded words that a keyboard without their letters writes as it writes a folded word, that
    included: of lukasz also łukasz.
    """
    plain = word if word.isascii() else plain_letters(word)
    spellings = {word, plain}
    for letters, alphabet in _ALPHABETS:
        cut = letters.split(plain, _MOST_PLACES)
        choices: list[tuple[str, ...]] = [(part,) for part in cut]
        for at in range(1, len(cut), 2):
            choices[at] = cut[at], alphabet[cut[at]]
        spellings.update(map("".join, product(*choices)))
    return frozenset(spellings)


def _script_of(word: str) -> str:
    code = ord(word[0]) if word else 0
    return next((name for first, last, name in _SCRIPTS if first <= code <= last), "")


def _syllables(word: str) -> tuple[str, ...]:
    """The pairs of a Korean word's syllables, and each alone: particles stand behind any of them."""
    pairs = ["".join(pair) for pair in pairwise(word)]
    return tuple(each for each in dict.fromkeys([*pairs, *word]) if each != word)


def _without_joined(word: str, joined: tuple[str, ...]) -> list[str]:
    """A word without the first, the first two and three of what is joined to its front."""
    rests: list[str] = []
    left = [word]
    for _ in range(_MOST_JOINED if joined else 0):
        left = [
            rest[len(prefix) :]
            for rest in left
            for prefix in joined
            if rest.startswith(prefix) and len(rest) - len(prefix) >= _SHORTEST_REST
        ]
        rests += left
    return rests
