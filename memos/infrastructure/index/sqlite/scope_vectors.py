"""The vectors of one scope in memory, and how near its texts are to queries."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints, Nearest
from memos.infrastructure.index.sqlite.vector_rows import (
    SentenceRows,
    TextRows,
    VectorQuery,
    query_of,
)

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]

FEW = 0.25
"""Of a scope's texts: where a view shows no more, it pays to copy theirs out before they are compared."""

ALL_EXACT = 1_024
"""Where a view shows no more texts than these, all are compared as they are stored."""


class ScopeVectors(NamedTuple):
    """A value over rows that grow: texts in the order in which they came, each with its sentences.

    `docs` ascends, and `places` has the row of each among `texts`. The sentences of a row `n` are the
    rows `first[n]` to `first[n + 1]` of `sentences`; a text of one sentence has none but itself.
    """

    docs: Ints
    places: Ints
    first: Ints
    texts: TextRows
    sentences: SentenceRows
    dimensions: int

    @property
    def came(self) -> int:
        """How many texts there ever were."""
        return len(self.first) - 1

    @property
    def nbytes(self) -> int:
        """What it takes of memory; never 0."""
        arrays = self.docs.nbytes + self.places.nbytes + self.first.nbytes
        return 1_000 + arrays + self.texts.nbytes + self.sentences.nbytes

    def with_texts(
        self, docs: Sequence[int], vectors: Sequence[npt.NDArray[np.float16]]
    ) -> ScopeVectors:
        """These and further texts, whose rows are put behind those that are there.

        Args:
            docs: distinct, and none of those that are there.
            vectors: of each text its own in row 0, its sentences' after it.
        """
        if not docs:
            return self
        self.texts.append(np.stack([rows[0] for rows in vectors]))
        self.sentences.append(np.concatenate([rows[1:] for rows in vectors]))
        came = self.came + np.arange(len(docs))
        new = np.array(docs, np.int64)
        order = np.argsort(new)
        at = np.searchsorted(self.docs, new[order])
        ends = self.first[-1] + np.cumsum([len(rows) - 1 for rows in vectors])
        return self._replace(
            docs=np.insert(self.docs, at, new[order]),
            places=np.insert(self.places, at, came[order]),
            first=np.concatenate((self.first, ends)),
        )

    def without(self, gone: npt.NDArray[np.bool_]) -> ScopeVectors:
        """These without some of the docs, of whose vectors nothing is left in memory."""
        places = self.places[gone]
        self.texts.wipe(places)
        self.sentences.wipe(_ranges(self.first[places], self.first[places + 1]))
        return self._replace(docs=self.docs[~gone], places=self.places[~gone])

    def nearest(self, docs: Ints, queries: Vectors) -> Nearest:
        """How near texts are to queries: of many, estimates that can be asked for exactly.

        Args:
            docs: ascending and distinct; those that have no vectors are left out.
            queries: one a row.
        """
        query = query_of(queries)
        if np.array_equal(docs, self.docs):
            found, places = self.docs, self.places
        else:
            at = np.minimum(np.searchsorted(self.docs, docs), max(len(self.docs) - 1, 0))
            held = self.docs[at] == docs if len(self.docs) else np.zeros(len(docs), np.bool_)
            found, places = docs[held], self.places[at[held]]
        if len(found) <= ALL_EXACT:
            return Nearest(found, *self._exactly(query, places), complete=True)
        if len(found) <= FEW * len(self.docs):
            near = self._estimates_of(query, places)
        elif places is self.places and self._in_order:
            near = self._estimates(query)
        else:
            whole, best = self._estimates(query)
            near = whole[:, places], best[:, places]
        return Nearest(
            found, *near, complete=True, exactly=partial(self._exactly_at, query, places)
        )

    @property
    def _in_order(self) -> bool:
        """Whether the texts came in the order of their docs, and all are left."""
        return len(self.places) == self.came and bool((self.places[1:] > self.places[:-1]).all())

    def _exactly_at(self, query: VectorQuery, places: Ints, columns: Ints) -> tuple[Floats, Floats]:
        return self._exactly(query, places[columns])

    def _exactly(self, query: VectorQuery, places: Ints) -> tuple[Floats, Floats]:
        whole = self.texts.exact(query, places)
        rows, first = self._sentences_of(places)
        best, several = whole.copy(), np.flatnonzero(first[1:] > first[:-1])
        if len(several):
            near = self.sentences.exact(query, rows)
            # The others have none, so what lies between two beginnings is one text's.
            best[:, several] = np.maximum.reduceat(near, first[several], axis=1)
        return whole, best

    def _estimates_of(self, query: VectorQuery, places: Ints) -> tuple[Floats, Floats]:
        whole = self.texts.estimates_of(query, places)
        rows, first = self._sentences_of(places)
        return whole, self._estimated(whole, self.sentences.differing_of(query, rows), first)

    def _estimates(self, query: VectorQuery) -> tuple[Floats, Floats]:
        """Of every row that came."""
        whole = self.texts.estimates(query, self.came)
        differing = self.sentences.differing(query, int(self.first[-1]))
        return whole, self._estimated(whole, differing, self.first)

    def _estimated(self, whole: Floats, differing: Floats, first: Ints) -> Floats:
        """The nearest sentence of each text, as far as the signs say: they tell an angle."""
        several = np.flatnonzero(first[1:] > first[:-1])
        if not len(several):
            return whole
        fewest = np.minimum.reduceat(differing, first[several], axis=1)
        near: Floats = np.cos(fewest * (np.pi / self.dimensions))
        if len(several) == whole.shape[1]:
            return near
        best = whole.copy()
        best[:, several] = near
        return best

    def _sentences_of(self, places: Ints) -> tuple[Ints, Ints]:
        """The rows of the sentences of texts, one text's after another's, and where each's begin."""
        begin, end = self.first[places], self.first[places + 1]
        return _ranges(begin, end), np.concatenate(([0], np.cumsum(end - begin)))


def no_vectors(dimensions: int) -> ScopeVectors:
    """Of a scope of which nothing is embedded."""
    nothing = np.empty(0, np.int64)
    texts, sentences = TextRows(dimensions), SentenceRows(dimensions)
    return ScopeVectors(nothing, nothing, np.zeros(1, np.int64), texts, sentences, dimensions)


def _ranges(begin: Ints, end: Ints) -> Ints:
    """The numbers from each `begin` to its `end`, one after another."""
    counts = end - begin
    before: Ints = np.repeat(begin - (np.cumsum(counts) - counts), counts)
    return before + np.arange(len(before))
