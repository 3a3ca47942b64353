"""Nearness in meaning: what is embedded of a memory and of a query, and how the two compare.

Names decide it. A speaker says `I`, and names whom they greet, so a question that names somebody is
near to greetings of them. It is asked in the first person instead, as the answer would be said.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.engine.dense import DenseIndex
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import Nearest, View
from memos.kernel.errors import EmbeddingFailed, IndexUnavailable
from memos.language.analyzer import Analyzer
from memos.operation.search.conversation import Neighbours

Floats = npt.NDArray[np.float64]

SENTENCE_SHARE = 0.3
LONGEST_EMBEDDED = 4_000  # characters; a model reads no further


class Dense(NamedTuple):
    """How near each row of a view is to a query: its text and its best sentence.

    `compared` says which rows were; the others are given the mean of those, so that waiting to be
    embedded neither lifts nor sinks them, or the least where only the nearest were looked for.
    """

    model: str
    compared: npt.NDArray[np.bool_]
    text: Floats
    sentence: Floats

    @property
    def near(self) -> Floats:
        """Text and best sentence as one."""
        mixed: Floats = (1 - SENTENCE_SHARE) * self.text + SENTENCE_SHARE * self.sentence
        return mixed


class NotDense(NamedTuple):
    """Why a search ran without the dense side."""

    reason: str


def first_person(text: str, analyzer: Analyzer, speakers: frozenset[int]) -> str:
    """A query as a speaker would say it; `speakers` are the terms that stand for them."""

    def is_speaker(name: str) -> bool:
        words = analyzer.words(name)
        return len(words) == 1 and analyzer.exact_term("speaker", words[0]) in speakers

    return analyzer.language.first_person(text, is_speaker) if speakers else text


def measure(
    reader: Reader, view: View, scope: str, analyzer: Analyzer, embedding: DenseIndex, text: str
) -> Dense | NotDense:
    """How near the rows of a view are to a query, or the reason why that is not known."""
    if not len(view) or not analyzer.words(text):
        return NotDense("there is nothing to compare")
    asked = text[:LONGEST_EMBEDDED]
    spoken = first_person(asked, analyzer, frozenset(np.unique(view.speaker).tolist()) - {0})
    # Turns are told in the first person; who wrote the others is not known, so they get the mean.
    turn = view.session != 0
    wordings = [asked, spoken] if spoken != asked and not turn.all() else [spoken]
    try:
        queries = embedding.of_query(wordings)
    except EmbeddingFailed as error:
        return NotDense(str(error))
    if len(wordings) == 1:
        turn = np.ones(len(view), np.bool_)
    else:
        queries = np.stack([queries[-1], queries.mean(axis=0)])
    try:
        nearest = embedding.nearest(reader, view, scope, queries)
    except IndexUnavailable as error:
        return NotDense(str(error))
    rows, places = _placed(view, nearest)
    if not len(rows):
        return NotDense("nothing here is embedded yet")
    which = np.where(turn[rows], 0, len(queries) - 1)
    compared = np.zeros(len(view), np.bool_)
    compared[rows] = True
    return Dense(
        embedding.name,
        compared,
        _for_every_row(len(view), rows, nearest.texts[which, places], nearest.complete),
        _for_every_row(len(view), rows, nearest.sentences[which, places], nearest.complete),
    )


def _placed(view: View, nearest: Nearest) -> tuple[npt.NDArray[np.int64], ...]:
    """The rows of a view that were compared, and for each its column in `nearest`."""
    if not len(nearest.docs):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    places = np.searchsorted(nearest.docs, view.doc)
    places[places == len(nearest.docs)] = 0
    rows = np.flatnonzero(nearest.docs[places] == view.doc)
    return rows, places[rows]


def _for_every_row(
    count: int, rows: npt.NDArray[np.int64], values: Floats, complete: bool
) -> Floats:
    """A value for every row. Rows that were not compared get the mean of those that were, for they
    are not embedded yet; or the least, where only the nearest were looked for (not `complete`).
    """
    every = np.full(count, values.mean() if complete else values.min())
    every[rows] = values
    return every


def with_neighbours(near: Floats, neighbours: Neighbours, share: Floats) -> Floats:
    """The nearness of each row, or its mean with the nearer neighbour's where that is more.

    Args:
        near: of each row.
        neighbours: of every row.
        share: for each row, the neighbour's weight in that mean, from 0 to 1.
    """
    padded = np.append(near, -np.inf)
    beside = np.maximum(padded[neighbours.before], padded[neighbours.after])
    beside = np.where(np.isfinite(beside), beside, near)
    lifted: Floats = np.maximum(near, (1 - share) * near + share * beside)
    return lifted
