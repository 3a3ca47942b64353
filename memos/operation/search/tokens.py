"""Text to tokens, for any script.

Words are folded: compatibility forms (NFKC), case, accents. Scripts that put no spaces between
words have no words to find without a dictionary, so a run of them becomes its overlapping pairs of
characters, as Lucene's CJKBigramFilter does.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import pairwise
from typing import NamedTuple

# English clitics are dropped (she's, don't); any other apostrophe parts two words (O'Brien).
_CLITIC = r"(?:'(?:s|t|d|m|ll|re|ve)(?![^\W_]))?"
_ASCII_WORD = re.compile(r"([a-z0-9]+)" + _CLITIC)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_APOSTROPHES = re.compile("[’‘ʼ＇‛]")

# Accents of Latin, Greek and Cyrillic letters, points of Hebrew and Arabic: what a reader leaves
# out. Other marks, such as the vowels of Indic scripts, are part of the word.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u064b-\u065f\u0670]+")

_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Myanmar, Khmer
    "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff"  # kana and their iteration marks
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_EMOJI = "\u2600-\u27bf\U0001f300-\U0001faff"


class Tokens(NamedTuple):
    """Folded words in order, and apart from them the characters of runs without spaces.

    Such a run stands in `words` as its pairs; its characters serve who looks for one alone.
    """

    words: list[str]
    characters: list[str]


def tokenize(text: str) -> Tokens:
    """Tokens of `text`; what is neither a letter, a digit nor an emoji parts words."""
    folded = text.lower() if text.isascii() else fold(text)
    if "," in folded:
        folded = _THOUSANDS.sub("", folded)
    if folded.isascii():
        return Tokens(_ASCII_WORD.findall(folded), [])
    found = Tokens([], [])
    for word, run, emoji in _unicode_word().findall(folded):
        if len(run) > 1:
            found.words.extend(map("".join, pairwise(run)))
            found.characters.extend(run)
        else:
            found.words.append(word or run or emoji)
    return found


@cache
def _unicode_word() -> re.Pattern[str]:
    """Groups: a word, a run of an unspaced script, an emoji.

    Built on first need: `re` knows no combining marks, and finding them takes about 10 ms.
    """
    marks = "".join(
        character
        for character in map(chr, range(0x300, 0x1F000))
        if unicodedata.category(character).startswith("M")
    )
    marks = re.sub(f"[{_UNSPACED}]+", "", marks)
    word = rf"([^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]++|[{marks}]++)*+){_CLITIC}"
    return re.compile(rf"{word}|([{_UNSPACED}]++)|([{_EMOJI}])")


def fold(text: str) -> str:
    """Compatibility forms, case and accents taken out, apostrophes made one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = _APOSTROPHES.sub("'", folded)
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", folded))
    return unicodedata.normalize("NFC", bare)
