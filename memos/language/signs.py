"""What a text says beside its words: signs that carry meaning, and numbers without separators.

`C++` is another language than C, blood is of type O or O-, and a telephone number is the same
number however it is grouped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

from memos.language.letters import fold, spelt_out

TAIL = 7
"""Digits by which telephone numbers are told apart within their country."""

LONGEST_TEXT = 100_000
"""Characters of a text whose signs are read; what is longer holds data."""

_MAY_HOLD = re.compile(r"[+#$.0-9A-Z](?:(?<=[+#$0-9])|(?<=\.)[A-Za-z]|(?<=[A-Z])-|(?<=\w [A-Z])\b)")
"""In a text of ASCII; it begins with a set of characters, to which `re` leaps."""
_NUMBER = re.compile(r"(?<![\w.])\+?\(?\d(?:[ ().\-/–]{0,2}\d){6,14}(?!\d)")
_SIGNED = re.compile(
    r"(?<![^\W_])[^\W_]{1,40}(?:\+\+|#|\+)(?![^\W_])"
    r"|(?<!\w)[A-Z]{1,2}-(?=[\s,.;:!?)]|$)|(?<!\S)\.[A-Za-z][^\W_]*"
)
_LETTER = re.compile(r"(?<=\w )[A-Z](?![\w'’+#-])")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_WORD = re.compile(r"[^\W\d_]+")
_FIRST_PERSON = "I"
_PICTURES = frozenset({"So", "Sc"})


class Signs(NamedTuple):
    """What a text holds beside its words; each as often as it stands there.

    Attributes:
        words: words that the folding of letters would hide, such as `thé` behind `the`, or a
            capital that names a type; folded.
        signed: words with the sign that makes them another word, such as `c++`; folded.
        pictures: emoji, flags and the signs of currencies.
        numbers: digits of numbers that are long enough to be grouped, without separators.
        spelt_out: folded words with umlauts, and the same with these as two letters.
    """

    words: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    spelt_out: tuple[tuple[str, str], ...] = ()


NO_SIGNS = Signs()


def signs_of(text: str, stop_words: Collection[str]) -> Signs:
    """What a text says beside its words, `stop_words` being those that do not count as such."""
    text = text[:LONGEST_TEXT]
    ascii_only = text.isascii()
    if ascii_only and not _MAY_HOLD.search(text):
        return NO_SIGNS
    if not ascii_only:
        text = unicodedata.normalize("NFKC", text).replace("−", "-")
    words = [
        letter.lower()
        for letter in _LETTER.findall(text)
        if letter != _FIRST_PERSON and letter.lower() in stop_words
    ]
    pictures: list[str] = []
    spelt: list[tuple[str, str]] = []
    if not ascii_only:
        accented = [(fold(word), spelt_out(word)) for word in _accented(text)]
        words += [folded for folded, _ in accented if folded in stop_words]
        spelt = [(folded, out) for folded, out in accented if out != folded]
        pictures = _FLAG.findall(text)
        text_without_flags = _FLAG.sub(" ", text) if pictures else text
        pictures += [
            character
            for character in text_without_flags
            if not character.isascii() and unicodedata.category(character) in _PICTURES
        ]
    pictures += ["$"] * text.count("$")
    return Signs(
        tuple(words),
        tuple(map(str.casefold, _SIGNED.findall(text))),
        tuple(pictures),
        tuple(_digits(number) for number in _NUMBER.findall(text)),
        tuple(spelt),
    )


def number_keys(number: str) -> tuple[str, ...]:
    """What digits are looked for by: all of them, and their last, whatever country stands before."""
    return (number,) if len(number) <= TAIL else (number, number[-TAIL:])


def _accented(text: str) -> list[str]:
    """The words of other letters than ASCII's, in lower case."""
    words = _WORD.findall(unicodedata.normalize("NFC", text).lower())
    return [word for word in words if not word.isascii()]


def _digits(number: str) -> str:
    return "".join(str(unicodedata.decimal(each)) for each in number if each.isdecimal())
