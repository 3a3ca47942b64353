"""Slips of the pen: what a word may have been meant to be, of any script.

The index holds no words, so a word that nothing holds is asked for again as each that one slip
parts from it: a letter too many, too few, another, or two that changed places (Damerau, 1964).
"""

from __future__ import annotations

import string
from collections.abc import Iterator

SHORTEST, LONGEST = 5, 24
"""Letters of the words that are mended: a slip in a shorter one makes too many others."""

_ALPHABETS = (
    string.ascii_lowercase,
    "абвгдежзиклмнопрстуфхцчшщъыьэюяіє",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "אבגדהוזחטיכלמנסעפצקרשת",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
)


def near_spellings(word: str) -> Iterator[str]:
    """The folded words at one slip of a folded word; none of one with figures in it."""
    if not SHORTEST <= len(word) <= LONGEST or not word.isalpha():
        return
    alphabet = next((letters for letters in _ALPHABETS if word[0] in letters), "")
    for at in range(len(word) + 1):
        before, behind = word[:at], word[at:]
        if behind:
            yield before + behind[1:]
        if len(behind) > 1 and behind[0] != behind[1]:
            yield before + behind[1] + behind[0] + behind[2:]
        for letter in alphabet:
            if behind and letter != behind[0]:
                yield before + letter + behind[1:]
            yield before + letter + behind
