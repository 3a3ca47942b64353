"""Letters folded: differences of writing that part no two words are taken out, in any language."""

from __future__ import annotations

import re
import unicodedata

_APOSTROPHES = re.compile("[’‘ʼ＇‛]")

# Accents of Latin, Greek and Cyrillic letters, points of Hebrew and Arabic: what a reader leaves
# out. Other marks, such as the vowels of Indic scripts, are part of the word.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u064b-\u065f\u0670]+")

_PLAIN = str.maketrans(
    {
        **dict(zip("łøđðħŧıŋ", "loddhtin", strict=True)),
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "ʻ": "",
        "ґ": "г",
        **dict(zip("ךםןףץ", "כמנפצ", strict=True)),
        "ة": "ه",
        "ى": "ي",
        "ی": "ي",
        "ک": "ك",
        "ھ": "ه",
        "ہ": "ه",
        "ـ": "",
    }
)
"""Letters that people write in two ways, and that Unicode does not take apart."""

_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


def fold(text: str) -> str:
    """Compatibility forms (NFKC), case and accents taken out, apostrophes made one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = _APOSTROPHES.sub("'", folded)
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", folded))
    return unicodedata.normalize("NFC", bare)


def plain_letters(word: str) -> str:
    """A folded word as a keyboard without its letters would write it: łodz as lodz, ٢٠٢٣ as 2023."""
    if word.isascii():
        return word
    plain = word.translate(_PLAIN)
    if not any(character > "\u0600" and character.isdecimal() for character in plain):
        return plain
    return "".join(
        str(unicodedata.decimal(character)) if character.isdecimal() else character
        for character in plain
    )


def spelt_out(word: str) -> str:
    """A word in lower case with its umlauts as two letters, folded: müller as mueller."""
    return fold(word.translate(_SPELT_OUT))
