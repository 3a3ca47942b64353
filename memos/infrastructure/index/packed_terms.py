"""The terms of one text, packed: of each its number (64 bits) and how often it stands there (16), as
`postings.TERM` reads them.
"""

from __future__ import annotations

import struct
from functools import cache
from itertools import chain

from memos.infrastructure.index.port import MAX_TF
from memos.language.indexed_text import IndexedText

_COMMON = 256
"""Formats are cached up to so many terms."""


@cache
def _format(count: int) -> struct.Struct:
    return struct.Struct("<" + "qH" * count)


def pack_terms(text: IndexedText) -> bytes:
    """The text's terms as `postings.TERM` entries."""
    terms = text.terms
    if terms and max(terms.values()) > MAX_TF:
        terms = {term: min(tf, MAX_TF) for term, tf in terms.items()}
    flat = chain.from_iterable(terms.items())
    if len(terms) > _COMMON:
        return struct.pack("<" + "qH" * len(terms), *flat)
    return _format(len(terms)).pack(*flat)
