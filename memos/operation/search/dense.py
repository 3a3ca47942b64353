"""Nearness in meaning: what is embedded of a memory and of a query, and how the two compare.

Names decide it. A speaker says `I`, and names whom they greet, so a question that names somebody is
near to greetings of them. It is asked in the first person instead, as the answer would be said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.engine.dense import DenseIndex
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import Ints, Nearest, View, Within
from memos.kernel.errors import EmbeddingFailed, IndexUnavailable
from memos.language.analysis import speaker_names
from memos.language.analyzer import Analyzer
from memos.operation.search.conversation import Neighbours

Floats = npt.NDArray[np.float64]

SENTENCE_SHARE = 0.3
CONTENDERS = 512
"""Rows that are compared exactly, of the best by words and of the nearest, where all are estimated."""

_DIGITS = 6  # a mean of two that have five

LONGEST_EMBEDDED = 4_000  # characters; a model reads no further


class Dense(NamedTuple):
    """How near each row of a view is to a query: its text and its best sentence.

    `compared` says which rows were; the others are given the mean of those, so that waiting to be
    embedded neither lifts nor sinks them, or the least where only the nearest were looked for.
    `near` is both as one. `exactly` is given where they are estimates: it compares some rows exactly,
    and says which.
    """

    model: str
    compared: npt.NDArray[np.bool_]
    text: Floats
    sentence: Floats
    near: Floats
    exactly: Callable[[Ints], tuple[Ints, Floats, Floats]] | None = None

    def exact_for(self, scores: Sequence[Floats], neighbours: Neighbours | None) -> Dense:
        """The same, with the rows exactly compared that are best by nearness or by one of some scores,
        and the rows beside these.

        Args:
            scores: of every row, one or several.
            neighbours: of every row; None where they lend nothing.
        """
        if self.exactly is None:
            return self
        nearest = _best(self.near)
        rows = np.concatenate((*map(_best, scores), nearest))
        if neighbours is not None:
            rows = np.concatenate((rows, neighbours.before[rows], neighbours.after[rows]))
        rows, texts, sentences = self.exactly(np.unique(rows[rows < len(self.near)]))
        text, sentence = self.text.copy(), self.sentence.copy()
        text[rows], sentence[rows] = texts, sentences
        exact = _mixed(texts, sentences)
        # What was no nearer by estimate stays so: of equal texts none is told apart.
        least = float(exact[np.isin(rows, nearest)].min(initial=1.0))
        near = np.minimum(self.near, least)
        near[rows] = exact
        return self._replace(text=text, sentence=sentence, near=near)


class NotDense(NamedTuple):
    """Why a search ran without the dense side."""

    reason: str


def first_person(text: str, analyzer: Analyzer, speakers: Set[int]) -> str:
    """A query as a speaker would say it; `speakers` are the terms that stand for them."""

    def is_speaker(name: str) -> bool:
        words = analyzer.words(name)
        return len(words) == 1 and not speakers.isdisjoint(speaker_names(analyzer, words))

    return analyzer.language.first_person(text, is_speaker)


def measure(
    reader: Reader, view: View, within: Within, analyzer: Analyzer, embedding: DenseIndex, text: str
) -> Dense | NotDense:
    """How near the rows of a view of some scopes are to a query, or the reason why that is not known."""
    if not len(view) or not analyzer.words(text):
        return NotDense("there is nothing to compare")
    asked = text[:LONGEST_EMBEDDED]
    speakers = set(np.unique(view.speaker).tolist()) - {0}
    spoken = first_person(asked, analyzer, speakers) if speakers else asked
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
        nearest = embedding.nearest(reader, view, within, queries)
    except IndexUnavailable as error:
        return NotDense(str(error))
    if not len(nearest.docs):
        return NotDense("nothing here is embedded yet")
    return dense_of(embedding.name, view.doc, nearest, np.where(turn, 0, len(queries) - 1))


def dense_of(model: str, shown: Ints, nearest: Nearest, query: Ints) -> Dense:
    """How near each row of a view, which shows these docs, is to its own query of those of `nearest`,
    which has some of the docs.
    """
    column = _columns(shown, nearest.docs)
    exactly = nearest.exactly
    text, sentence = (
        _for_every_row(values, query, column, nearest.complete)
        for values in (nearest.texts, nearest.sentences)
    )
    return Dense(
        model,
        column >= 0,
        text,
        sentence,
        _mixed(text, sentence),
        None if exactly is None else partial(_exactly, exactly, query, column),
    )


def _mixed(text: Floats, sentence: Floats) -> Floats:
    mixed = (1 - SENTENCE_SHARE) * text + SENTENCE_SHARE * sentence
    return np.asarray(np.round(mixed, _DIGITS), np.float64)


def _exactly(
    exactly: Callable[[Ints], tuple[Floats, Floats]], query: Ints, column: Ints, rows: Ints
) -> tuple[Ints, Floats, Floats]:
    """Those of some rows that were compared, and how near they are, exactly."""
    compared = rows[column[rows] >= 0]
    texts, sentences = exactly(column[compared])
    each = np.arange(len(compared))
    return compared, texts[query[compared], each], sentences[query[compared], each]


def _best(scores: Floats) -> Ints:
    """The rows of the best scores above 0, in no particular order."""
    rows = np.flatnonzero(scores > 0)
    if len(rows) <= CONTENDERS:
        return rows
    best: Ints = rows[np.argpartition(scores[rows], len(rows) - CONTENDERS)[-CONTENDERS:]]
    return best


def _columns(shown: Ints, compared: Ints) -> Ints:
    """For each doc of a view its number among those that were compared; -1 where it was not."""
    if np.array_equal(shown, compared):  # looking each up would take longer than all else here
        return np.arange(len(shown))
    places = np.searchsorted(compared, shown)
    places[places == len(compared)] = 0
    places[compared[places] != shown] = -1
    return places


def _for_every_row(values: Floats, query: Ints, column: Ints, complete: bool) -> Floats:
    """A value for every row. Rows that were not compared get the mean of those that were, for they
    are not embedded yet; or the least, where only the nearest were looked for (not `complete`).
    """
    every: Floats = values[0, column] if len(values) == 1 else values[query, column]
    missing = column < 0
    if missing.any():
        compared = every[~missing]
        every[missing] = compared.mean() if complete else compared.min()
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
