"""Letters folded: differences of writing that part no two words are taken out, in any language."""

from __future__ import annotations

import re
import unicodedata

_APOSTROPHES = re.compile("[’‘ʼ＇‛]")

# Accents of Latin, Greek and Cyrillic letters, points of Hebrew and Arabic: what a reader leaves
# out. Other marks, such as the vowels of Indic scripts, are part of the word.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u064b-\u065f\u0670]+")


def fold(text: str) -> str:
    """Compatibility forms (NFKC), case and accents taken out, apostrophes made one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = _APOSTROPHES.sub("'", folded)
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", folded))
    return unicodedata.normalize("NFC", bare)
