"""The outcome of ranking: rows and scores, best first, and what each stage gave a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints, Mask
from memos.operation.search.answer import AnswerFit
from memos.operation.search.bm25 import TermScores
from memos.operation.search.calibration import BY_WORDS, calibration_of
from memos.operation.search.dense import Dense
from memos.operation.search.relevance import coverage, lead_of_others, relevance
from memos.operation.search.standing import Standing
from memos.operation.search.supersession import Chain

FIRST_GROUP = 512
"""Rows put in order at first."""

Floats = npt.NDArray[np.float64]


class WordScores(NamedTuple):
    """What words give every row.

    Attributes:
        total: the score.
        reached: which rows have a term, or stand beside one that has.
        terms: what each term gave.
        sessions: what each row's session gave.
        factors: what multiplied the score, by stage.
        texts: how many texts the statistics are of.
        by_named: which rows are by the one speaker whom the query names; None where it names none or
            several.
        asks: which rows ask something.
        asked: the terms but for the names of who speaks here.
    """

    total: Floats
    reached: Mask
    terms: Sequence[TermScores]
    sessions: Floats
    factors: dict[str, Floats]
    texts: float
    by_named: Mask | None
    asks: Mask
    asked: Sequence[TermScores]


class Fused(NamedTuple):
    """What the two sides gave every row: `words` is at most 1, `meaning` at most its weight."""

    dense: Dense
    words: Floats
    meaning: Floats

    def explain(self, row: int) -> dict[str, object]:
        """What each side gave one row."""
        return {
            "lexical": float(self.words[row]),
            "dense": {
                "model": self.dense.model,
                "embedded": bool(self.dense.compared[row]),
                "waiting": int(np.count_nonzero(~self.dense.compared)),
                "text": float(self.dense.text[row]),
                "sentence": float(self.dense.sentence[row]),
                "score": float(self.meaning[row]),
            },
        }


@dataclass(frozen=True)
class Ranking:
    """The rows that a query reaches: `scores[i]` is the score of `rows[i]`, in log order; and what each
    stage gave.
    """

    rows: Ints
    scores: Floats
    opened: Ints
    words: WordScores
    fused: Fused | None = None
    chain: Chain | None = None
    answers: AnswerFit | None = None
    standing: Standing | None = None

    def relevance(self, rows: Ints) -> Floats:
        """How likely rows are to be about what is asked; see `relevance.relevance`."""
        words = self.words
        dense = None if self.fused is None else self.fused.dense
        return relevance(
            BY_WORDS if dense is None else calibration_of(dense.model).curve,
            coverage(words.asked, words.texts, rows),
            None if dense is None else dense.near[rows],
            None if words.by_named is None else words.by_named[rows],
            0.0 if words.by_named is None else self._lead,
        )

    @cached_property
    def _lead(self) -> float:
        """How much more of the query others say than the speaker whom it names."""
        words = self.words
        everybody = np.zeros(len(words.total), np.bool_)
        by_named = everybody if words.by_named is None else words.by_named
        return lead_of_others(words.asked, words.texts, by_named, words.asks)

    def best_first(
        self, decays: Mapping[int, float] | None = None, least: float = 0.0
    ) -> Iterator[tuple[int, float]]:
        """Rows and their scores, best first, each score times the row's decay where it has one.

        Rows whose relevance is below `least` are left out.

        Equal scores stand as they did before decay, and else the newer first.
        """
        decayed = self.scores
        if decays:
            decayed = decayed * np.array([decays.get(row, 1.0) for row in self.rows.tolist()])
        for group in _best_groups(decayed):
            enough = group[self.relevance(self.rows[group]) >= least] if least else group
            keys = -self.opened[enough], -self.scores[enough], -decayed[enough]
            ordered = enough[np.lexsort(keys)]
            yield from zip(self.rows[ordered].tolist(), decayed[ordered].tolist(), strict=True)

    def explain(self, rows: Sequence[int]) -> Iterator[dict[str, object]]:
        """What each stage gave each of some rows."""
        likely = self.relevance(np.array(rows, np.int64)).tolist()
        return map(self._explained, rows, likely)

    def _explained(self, row: int, likely: float) -> dict[str, object]:
        explanation = {} if self.fused is None else self.fused.explain(row)
        if self.chain is not None:
            explanation |= self.chain.explain(row)
        if self.answers is not None:
            explanation |= self.answers.explain(row)
        if self.standing is not None:
            explanation |= self.standing.explain(row)
        words = self.words
        return {
            **explanation,
            "relevance": round(likely, 4),
            "terms": [
                {
                    "term": scored.term.surface,
                    "df": scored.df,
                    "idf": round(scored.idf, 6),
                    "score": float(scored.own[row]),
                    "with_context": float(scored.lent[row]),
                }
                for scored in words.terms
                if scored.lent[row] > 0
            ],
            "session": float(words.sessions[row]),
            "factors": {
                name: round(float(factor[row]), 6)
                for name, factor in words.factors.items()
                if factor[row] != 1.0
            },
        }


def _best_groups(scores: Floats) -> Iterator[Ints]:
    """Indices in groups, every score of one above every score of the next: who wants the ten best
    of a hundred thousand has only the first group put in order.
    """
    left, size = np.arange(len(scores)), FIRST_GROUP
    while len(left) > size:
        bound = np.partition(scores[left], len(left) - size)[len(left) - size]
        best = scores[left] >= bound
        yield left[best]
        left, size = left[~best], size * 8
    yield left
