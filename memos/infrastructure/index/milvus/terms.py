"""Sparse vectors of a text's terms: for lexical candidates where a scope is too large to load.

Term hashes are keyed, so a server learns no words, only which texts share one. A weight is BM25's
saturated term frequency (Robertson & Zaragoza, 2009) without what depends on other texts: no idf,
and a fixed length in place of the average. So a row never changes because others came, and what the
server scores picks candidates only; the reader ranks them by the statistics of what it may see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from memos.language.indexed_text import IndexedText

K1 = 1.2
B = 0.75
PIVOT = 20.0
"""Stands for the average length: ranked tokens of a turn of a conversation."""

NOTHING = 0
"""A dimension that no term has: rows without terms hold it, as a row's vector may not be empty."""

_DIMENSIONS = 2**32 - 2
"""Milvus takes indices below 2**32 - 1."""


def dimension_of(term: int) -> int:
    """A term's dimension: its signed 64-bit hash folded to 32 bits, never `NOTHING`.

    Two terms may share one; that lets a candidate in, and ranking throws it out.
    """
    unsigned = term & (2**64 - 1)
    return 1 + (unsigned ^ unsigned >> 32) % 2**32 % _DIMENSIONS


def weights_of(text: IndexedText) -> dict[int, float]:
    """The sparse vector of a text; terms that are only matched (frequency 0) are not in it."""
    norm = K1 * (1 - B + B * text.length / PIVOT)
    weights: dict[int, float] = {}
    for term, frequency in text.terms.items():
        if frequency:
            dimension = dimension_of(term)
            weight = (K1 + 1) * frequency / (frequency + norm)
            weights[dimension] = max(weight, weights.get(dimension, 0.0))
    return weights


def query_of(terms: Iterable[tuple[int, float]] | Mapping[int, float]) -> dict[int, float]:
    """The sparse vector of a query's terms and what each counts."""
    pairs = terms.items() if isinstance(terms, Mapping) else terms
    weights: dict[int, float] = {}
    for term, weight in pairs:
        dimension = dimension_of(term)
        weights[dimension] = weights.get(dimension, 0.0) + weight
    return weights
