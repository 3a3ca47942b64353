"""Text to tokens, for any script.

Words are folded: compatibility forms (NFKC), case, accents. Scripts that put no spaces between
words have no words to find without a dictionary, so a run of them becomes its overlapping pairs of
characters, as Lucene's CJKBigramFilter does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from memos.language.letters import fold

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")

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


class Tokenizer:
    """Cuts texts into tokens; safe to share between threads.

    Args:
        clitics: what is dropped from a word behind an apostrophe, such as the s of `she's`; any
            other apostrophe parts two words (O'Brien).
    """

    def __init__(self, clitics: Sequence[str]) -> None:
        self._clitic = rf"(?:'(?:{'|'.join(clitics)})(?![^\W_]))?"
        self._ascii_words = re.compile(r"([a-z0-9]+)" + self._clitic).findall

    def tokenize(self, text: str) -> Tokens:
        """Tokens of `text`; what is neither a letter, a digit nor an emoji parts words."""
        folded = text.lower() if text.isascii() else fold(text)
        if "," in folded:
            folded = _THOUSANDS.sub("", folded)
        if folded.isascii():
            return Tokens(self._ascii_words(folded), [])
        tokens = Tokens([], [])
        for word, run, emoji in _unicode_word(self._clitic).findall(folded):
            if len(run) > 1:
                tokens.words.extend(map("".join, pairwise(run)))
                tokens.characters.extend(run)
            else:
                tokens.words.append(word or run or emoji)
        return tokens


@cache
def _unicode_word(clitic: str) -> re.Pattern[str]:
    """Groups: a word, a run of an unspaced script, an emoji. `clitic` is the pattern of what is
    dropped from a word.

    Built on first need: `re` knows no combining marks, and finding them takes about 10 ms.
    """
    marks = "".join(
        character
        for character in map(chr, range(0x300, 0x1F000))
        if unicodedata.category(character).startswith("M")
    )
    marks = re.sub(f"[{_UNSPACED}]+", "", marks)
    word = rf"([^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]++|[{marks}]++)*+){clitic}"
    return re.compile(rf"{word}|([{_UNSPACED}]++)|([{_EMOJI}])")
