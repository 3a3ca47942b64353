"""Postings: which texts hold a term, and how often; the same arrays whatever store keeps them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import cache
from itertools import chain, islice, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import MAX_TF, Ints, View
from memos.infrastructure.index.spans import join_columns
from memos.kernel.errors import Damaged
from memos.language.indexed_text import FURTHER, IndexedText

TERM = np.dtype([("term", "<i8"), ("tf", "<u2")])
"""One term of one text as every store packs it."""

_CHUNK = 65_536  # docs decoded at once


class Postings(NamedTuple):
    """Parallel arrays, one entry a posting."""

    term: Ints
    doc: Ints
    tf: npt.NDArray[np.uint16]

    def then(self, later: Postings) -> Postings:
        return Postings._make(join_columns(self, later))

    def without_docs(self, docs: Ints) -> Postings:
        """The postings of other docs."""
        keep = ~np.isin(self.doc, docs)
        return Postings._make(column[keep] for column in self)

    def by_term(self) -> Postings:
        order = np.argsort(self.term, kind="stable")
        return Postings._make(column[order] for column in self)


NO_POSTINGS = Postings(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))


@cache
def _terms_format(count: int) -> struct.Struct:
    return struct.Struct("<" + "qH" * count)


def pack_terms(text: IndexedText) -> bytes:
    """The text's terms as TERM entries."""
    terms = text.terms
    if terms and max(terms.values()) > MAX_TF:
        terms = {term: min(tf, MAX_TF) for term, tf in terms.items()}
    if len(terms) > 256:  # formats are cached: only for common sizes
        entries = np.empty(len(terms), TERM)
        entries["term"] = np.fromiter(terms.keys(), np.int64, len(terms))
        entries["tf"] = np.fromiter(terms.values(), np.uint16, len(terms))
        return entries.tobytes()
    return _terms_format(len(terms)).pack(*chain.from_iterable(terms.items()))


_FURTHER = struct.pack("<qH", FURTHER, 0)


def as_indexed_then(stored: bytes, given: bytes) -> bytes:
    """The terms that a release gives, as the one gave them that stored a text: without the further
    ones where that knew none.
    """
    return given if _FURTHER in stored else given.partition(_FURTHER)[0]


def decode(rows: Iterable[tuple[int, bytes]]) -> Postings:
    """Postings of (doc, packed terms) rows, in row order.

    Raises:
        Damaged: what a row holds is no packed terms.
    """
    rows = iter(rows)
    parts = [NO_POSTINGS]
    while chunk := list(islice(rows, _CHUNK)):
        packed = b"".join(terms for _, terms in chunk)
        try:
            entries = np.frombuffer(packed, TERM)
        except ValueError as error:
            raise Damaged(
                f"the terms of a text are damaged in the index ({error}): run `memos rebuild`"
            ) from error
        counts = [len(terms) // TERM.itemsize for _, terms in chunk]
        docs = np.repeat(np.array([doc for doc, _ in chunk], np.int64), counts)
        parts.append(Postings(entries["term"].astype(np.int64), docs, entries["tf"].copy()))
    return Postings._make(join_columns(*parts))


def rows_by_term(view: View, terms: Ints, docs: Ints) -> dict[int, Ints]:
    """Of postings as (term, doc) pairs, those that fall on the view: term to rows, ascending."""
    doc = view.doc
    if not len(doc):
        return {}
    rows = np.searchsorted(doc, docs)
    shown = (rows < len(doc)) & (doc[np.minimum(rows, len(doc) - 1)] == docs)
    terms, rows = terms[shown], rows[shown]
    order = np.lexsort((rows, terms))
    terms, rows = terms[order], rows[order]
    distinct, starts = np.unique(terms, return_index=True)
    bounds = pairwise([*starts.tolist(), len(rows)])
    return {term: rows[at:end] for term, (at, end) in zip(distinct.tolist(), bounds, strict=True)}
