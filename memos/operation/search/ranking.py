"""Ranking: BM25 term by term with what the conversation around a text lends it, and nearness.

words = (sum over terms of idf x (match, or what its context lends) + session match) x factors for
speaker, question, role and length. Without vectors that is the score; with them, score = words /
best words + weight x nearness / best nearness, over every row that either side reaches. Then come
what answers the question, its time and its slot. Statistics are those of the view alone, so a
score tells of nothing that the view does not show; sums run in query order in float64, so equal
inputs give equal bits; equals stay in log order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints, Mask, View
from memos.language.analyzer import QueryTerm
from memos.language.indexed_text import ASSISTANT, QUESTION
from memos.operation.search.answer import AnswerFit, answer_fit
from memos.operation.search.bm25 import TermScores, length_norm, score_term, session_match
from memos.operation.search.conversation import Neighbours, neighbours_of
from memos.operation.search.dense import Dense, with_neighbours
from memos.operation.search.question import Question
from memos.operation.search.recipe import Recipe
from memos.operation.search.supersession import Chain, put_first

FIRST_GROUP = 512
"""Rows put in order at first."""

Floats = npt.NDArray[np.float64]


class LexicalQuery(NamedTuple):
    """An analysed query: its terms, the speakers that it names, whether it asks for what an
    assistant said, and what it is beyond its words.
    """

    terms: Sequence[QueryTerm]
    names: frozenset[int]
    addresses_assistant: bool
    question: Question = Question()


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
    """The rows that a query reaches: `scores[i]` is the score of `rows[i]`, in log order."""

    rows: Ints
    scores: Floats
    opened: Ints
    terms: Sequence[TermScores]
    sessions: Floats
    factors: dict[str, Floats]
    fused: Fused | None = None
    chain: Chain | None = None
    answers: AnswerFit | None = None

    def best_first(self, decays: Mapping[int, float] | None = None) -> Iterator[tuple[int, float]]:
        """Rows and their scores, best first, each score times the row's decay where it has one.

        Equal scores stand as they did before decay, and else in log order.
        """
        decayed = self.scores
        if decays:
            decayed = decayed * np.array([decays.get(row, 1.0) for row in self.rows.tolist()])
        for group in _best_groups(decayed):
            keys = self.opened[group], -self.scores[group], -decayed[group]
            ordered = group[np.lexsort(keys)]
            yield from zip(self.rows[ordered].tolist(), decayed[ordered].tolist(), strict=True)

    def explain(self, row: int) -> dict[str, object]:
        """What each stage gave one row."""
        explanation = {} if self.fused is None else self.fused.explain(row)
        if self.chain is not None:
            explanation |= self.chain.explain(row)
        if self.answers is not None:
            explanation |= self.answers.explain(row)
        return {
            **explanation,
            "terms": [
                {
                    "term": scored.term.surface,
                    "df": scored.df,
                    "idf": round(scored.idf, 6),
                    "score": float(scored.own[row]),
                    "with_context": float(scored.lent[row]),
                }
                for scored in self.terms
                if scored.lent[row] > 0
            ],
            "session": float(self.sessions[row]),
            "factors": {
                name: round(float(factor[row]), 6)
                for name, factor in self.factors.items()
                if factor[row] != 1.0
            },
        }


def rank(
    view: View,
    query: LexicalQuery,
    recipe: Recipe,
    dense: Dense | None = None,
    chain: Chain | None = None,
    within: Mask | None = None,
    holding: Mask | None = None,
) -> Ranking:
    """Rank the rows of a view that the query reaches, by words and, where given, by nearness.

    Texts of a time that the query names are reached as well. Where it asks for a slot, so are the
    rows of its `chain`, and the current one comes first. `within` says which rows may be reached at
    all, and are; statistics are those of the whole view nevertheless. `holding` says which rows
    hold the phrases that a question quotes.
    """
    neighbours = neighbours_of(view) if recipe.near or recipe.session or recipe.dense_near else None
    norm = length_norm(view)
    weights = _context_weights(view, recipe) if neighbours is not None else None
    terms = [score_term(view, term, norm, neighbours, weights) for term in query.terms]
    sessions = np.zeros(len(view))
    if neighbours is not None and recipe.session:
        sessions = recipe.session * session_match(terms, neighbours)
    total = np.zeros(len(view))
    for scored in terms:
        total += scored.lent
    reached = total > 0
    total += sessions
    factors = _factors(view, query, recipe)
    for factor in factors.values():
        total *= factor
    fused = None
    if dense is not None:
        dense = dense.exact_for(total, neighbours)
        best = float(total.max(initial=0.0)) or 1.0
        near = _nearness(view, query, recipe, dense, neighbours, factors)
        meaning = recipe.dense * near / (float(near.max(initial=0.0)) or 1.0)
        fused = Fused(dense, total / best, meaning)
        total = fused.words + meaning
        reached |= dense.compared
    answers = answer_fit(view, query.question, recipe, holding)
    if answers is not None:
        total = answers.applied(total)
        also = answers.reached()
        reached = reached if also is None else reached | also
    if chain is not None:
        put_first(total, chain, recipe.supersession)
        reached[chain.rows] = True
    if within is not None:
        reached = within
    rows = np.flatnonzero(reached)
    return Ranking(
        rows, total[rows], view.opened[rows], terms, sessions, factors, fused, chain, answers
    )


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


def _nearness(
    view: View,
    query: LexicalQuery,
    recipe: Recipe,
    dense: Dense,
    neighbours: Neighbours | None,
    factors: dict[str, Floats],
) -> Floats:
    """Nearness with what surroundings lend it and a named speaker adds, less for questions."""
    near: Floats = dense.near
    if neighbours is not None and recipe.dense_near:
        near = with_neighbours(near, neighbours, recipe.dense_near * _short_share(view, recipe))
    near = near - recipe.dense_question * ((view.traits & QUESTION) != 0)
    speaker = _named_speaker(view, query)
    if speaker is not None:
        near = near + recipe.dense_speaker * (view.speaker == speaker)
    if "assistant" in factors:
        near *= factors["assistant"]
    return near


def _named_speaker(view: View, query: LexicalQuery) -> int | None:
    """The speaker whom the query names, where that is exactly one of those in view."""
    named = [name for name in query.names if (view.speaker == name).any()]
    return named[0] if len(named) == 1 else None


def _short_share(view: View, recipe: Recipe) -> Floats:
    """How far each row's surroundings count: less, the longer it is."""
    share: Floats = np.minimum(1.0, recipe.short / np.maximum(view.length, 1))
    return share


def _context_weights(view: View, recipe: Recipe) -> tuple[Floats, Floats, Floats]:
    """What each row takes over from near, far and the question: less, the longer it is."""
    share = _short_share(view, recipe)
    return recipe.near * share, recipe.far * share, recipe.reply * share


def _factors(view: View, query: LexicalQuery, recipe: Recipe) -> dict[str, Floats]:
    """What multiplies a row's score, by stage; stages that change nothing are left out."""
    factors: dict[str, Floats] = {}
    speaker = _named_speaker(view, query)
    if recipe.speaker and speaker is not None:
        factors["speaker"] = np.where(view.speaker == speaker, 1 + recipe.speaker, 1.0)
    if recipe.question != 1.0:
        factors["question"] = np.where(view.traits & QUESTION, recipe.question, 1.0)
    if recipe.assistant != 1.0 and not query.addresses_assistant:
        factors["assistant"] = np.where(view.traits & ASSISTANT, recipe.assistant, 1.0)
    if recipe.length:
        factors["length"] = _informativeness(view, recipe.length)
    return factors


def _informativeness(view: View, strength: float) -> Floats:
    """Longer texts say more; twice the average is as much as counts."""
    average = float(view.length.mean()) if len(view) else 1.0
    informative: Floats = 1 + strength * np.minimum(2.0, view.length / max(average, 1.0))
    return informative
