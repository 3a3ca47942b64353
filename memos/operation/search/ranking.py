"""Ranking: BM25 term by term with what the conversation around a text lends it, and nearness.

words = (sum over terms of idf x (match, or what its context lends) + session match) x factors for
speaker, question, role and length. Without vectors that is the score; with them, score = words /
best words + weight x nearness / best nearness, over every row that either side reaches. Then come
what answers the question, its time and its slot, and for a task what the user wants always.
Statistics are those of the view alone, so a score tells of nothing that the view does not show;
sums run in query order in float64, so equal inputs give equal bits; of equals the newer comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Mask, View
from memos.language.analyzer import QueryTerm
from memos.language.indexed_text import ASSISTANT, QUESTION
from memos.language.port import Request
from memos.operation.search.answer import AnswerFit, answer_fit
from memos.operation.search.bm25 import average_length, collection_of, score_term, session_match
from memos.operation.search.calibration import calibration_of
from memos.operation.search.conversation import Neighbours, neighbours_of
from memos.operation.search.dense import Dense, with_neighbours
from memos.operation.search.question import Question
from memos.operation.search.ranked import Fused, Ranking, WordScores
from memos.operation.search.recipe import Recipe
from memos.operation.search.relevance import coverage
from memos.operation.search.standing import Standing, standing_rows
from memos.operation.search.supersession import Chain, put_first

Floats = npt.NDArray[np.float64]


class LexicalQuery(NamedTuple):
    """An analysed query: its terms, the speakers that it names, what it asks of whom, what it is
    beyond its words; the stop words that break ties, the terms of INSTRUCTS and PREFERS, and the
    words behind the names.
    """

    terms: Sequence[QueryTerm]
    names: frozenset[int]
    request: Request = Request()
    question: Question = Question()
    ties: Sequence[QueryTerm] = ()
    standing: Sequence[int] = ()
    words: Mapping[int, str] = {}


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
    words = _score_words(view, query, recipe, neighbours)
    lifts = _Lifts(
        _standing(view, query, recipe), answer_fit(view, query.question, recipe, holding)
    )
    total, reached, fused = words.total, words.reached, None
    if dense is not None:
        fused = _Fusion(view, recipe, words, neighbours).exactly(dense, lifts)
        total, reached = fused.words + fused.meaning, reached | dense.compared
    if lifts != _NO_LIFTS:
        total, reached = lifts.applied(total), lifts.with_reached(reached)
    if chain is not None:
        total = put_first(total, chain, recipe.supersession)
        reached = reached.copy()
        reached[chain.rows] = True
    rows = np.flatnonzero(reached if within is None else within)
    return Ranking(
        rows,
        total[rows],
        view.opened[rows],
        words,
        fused,
        chain,
        lifts.answers,
        lifts.standing,
    )


class _Lifts(NamedTuple):
    """What lifts rows beside words and nearness; each None where it lifts none."""

    standing: Standing | None
    answers: AnswerFit | None

    def applied(self, total: Floats) -> Floats:
        """Scores, with what lifts the rows."""
        if self.standing is not None:
            total = self.standing.applied(total)
        return total if self.answers is None else self.answers.applied(total)

    def with_reached(self, reached: Mask) -> Mask:
        """The rows reached, with those that a lift alone reaches."""
        if self.standing is not None:
            reached = reached | (self.standing.lift > 0)
        also = None if self.answers is None else self.answers.reached()
        return reached if also is None else reached | also


_NO_LIFTS = _Lifts(None, None)


def _score_words(
    view: View, query: LexicalQuery, recipe: Recipe, neighbours: Neighbours | None
) -> WordScores:
    """Score every row by the query's words; `neighbours` are None where they lend nothing."""
    assistant = (view.traits & ASSISTANT) != 0
    collection = collection_of(view, assistant, _assistant_share(query, recipe))
    weights = _context_weights(view, recipe) if neighbours is not None else None
    terms = [
        score_term(view, term, collection, neighbours, weights) for term in _weighed(query, recipe)
    ]
    sessions = np.zeros(len(view))
    if neighbours is not None and recipe.session:
        sessions = recipe.session * session_match(terms, neighbours)
    total = np.zeros(len(view))
    for scored in terms:
        total += scored.lent
    reached = total > 0
    total += sessions
    for tie in query.ties:
        total += score_term(view, tie, collection, None, None).own * reached
    speakers: list[int] = np.unique(view.speaker).tolist()
    by_named = _by_named(view, query, speakers)
    factors = _factors(view, query, recipe, by_named)
    for factor in factors.values():
        total *= factor
    names = {query.words.get(speaker, "") for speaker in speakers}
    asked = [scored for scored in terms if scored.term.surface not in names]
    asks: Mask = (view.traits & QUESTION) != 0
    return WordScores(
        total, reached, terms, sessions, factors, collection.texts, by_named, asks, asked
    )


def _short_share(view: View, recipe: Recipe) -> Floats:
    """How far each row's surroundings count: less, the longer it is and what people here say is.

    Where turns are short, each needs the others; a long message speaks for itself, and what it
    lends its neighbours is of many things.
    """
    turns = view.session != 0
    usual = float(view.length[turns].mean()) if turns.any() else 0.0
    talk = min(1.0, recipe.short / max(usual, 1.0))
    share: Floats = talk * np.minimum(1.0, recipe.short / np.maximum(view.length, 1))
    return share


def _assistant_share(query: LexicalQuery, recipe: Recipe) -> float:
    """What an assistant's turn counts beside a user's."""
    return 1.0 if query.request.asks_assistant else recipe.assistant


def _weighed(query: LexicalQuery, recipe: Recipe) -> list[QueryTerm]:
    """The terms of a query; those that say how to answer count less, where there are others."""
    framing = [term.surface in query.request.frame for term in query.terms]
    if recipe.frame == 1.0 or all(framing):
        return list(query.terms)
    return [
        term._replace(weight=term.weight * recipe.frame) if frames else term
        for term, frames in zip(query.terms, framing, strict=True)
    ]


def _by_named(view: View, query: LexicalQuery, speakers: Sequence[int]) -> Mask | None:
    """The rows of the speaker whom the query names, where that is exactly one of those in view, however
    each row writes the name.
    """
    named = [speaker for speaker in speakers if speaker in query.names]
    if len(set(map(query.words.get, named, named))) != 1:
        return None
    by_named: Mask = np.isin(view.speaker, named)
    return by_named


def _context_weights(view: View, recipe: Recipe) -> tuple[Floats, Floats, Floats]:
    """What each row takes over from near, far and the question: less, the longer it is."""
    share = _short_share(view, recipe)
    return recipe.near * share, recipe.far * share, recipe.reply * share


def _factors(
    view: View, query: LexicalQuery, recipe: Recipe, by_named: Mask | None
) -> dict[str, Floats]:
    """What multiplies a row's score, by stage; stages that change nothing are left out."""
    factors: dict[str, Floats] = {}
    if recipe.speaker and by_named is not None:
        factors["speaker"] = np.where(by_named, 1 + recipe.speaker, 1.0)
    if recipe.question != 1.0:
        factors["question"] = np.where(view.traits & QUESTION, recipe.question, 1.0)
    share = _assistant_share(query, recipe)
    if share != 1.0:
        factors["assistant"] = np.where(view.traits & ASSISTANT, share, 1.0)
    if recipe.length:
        factors["length"] = _informativeness(view, recipe.length)
    return factors


def _informativeness(view: View, strength: float) -> Floats:
    """Longer texts say more; twice the average of their kind is as much as counts."""
    average = average_length(view, (view.traits & ASSISTANT) != 0)
    informative: Floats = 1 + strength * np.minimum(2.0, view.length / average)
    return informative


class _Fusion(NamedTuple):
    """Brings what words give together with nearness."""

    view: View
    recipe: Recipe
    words: WordScores
    neighbours: Neighbours | None

    def exactly(self, dense: Dense, lifts: _Lifts) -> Fused:
        """Both sides as one, with every row exactly compared that may be among the best: by words, by
        nearness, or by what lifts it.
        """
        scores = [self.words.total]
        if dense.exactly is not None and lifts != _NO_LIFTS:
            estimated = self._fused(dense)
            scores.append(lifts.applied(estimated.words + estimated.meaning))
        return self._fused(dense.exact_for(scores, self.neighbours))

    def _fused(self, dense: Dense) -> Fused:
        total, near = self.words.total, self._nearness(dense)
        best = float(total.max(initial=0.0)) or 1.0
        meaning = self.recipe.dense * near / (float(near.max(initial=0.0)) or 1.0)
        return Fused(dense, self._words_share(dense.model) * total / best, meaning)

    def _words_share(self, model: str) -> float:
        """What words count beside a model's meaning: less, the less of the query's the best text has."""
        full = calibration_of(model).words_in_full
        if not full:
            return 1.0
        words = self.words
        best = coverage(words.asked, words.texts, np.array([words.total.argmax()]))
        return min(1.0, float(best[0]) / full)

    def _nearness(self, dense: Dense) -> Floats:
        """Nearness with what surroundings lend it and a named speaker adds, less for questions."""
        view, recipe, words = self.view, self.recipe, self.words
        near: Floats = dense.near
        if self.neighbours is not None and recipe.dense_near:
            share = recipe.dense_near * _short_share(view, recipe)
            near = with_neighbours(near, self.neighbours, share)
        near = near - recipe.dense_question * ((view.traits & QUESTION) != 0)
        if words.by_named is not None:
            near = near + recipe.dense_speaker * words.by_named
        if "assistant" in words.factors:
            near *= words.factors["assistant"]
        return near


def _standing(view: View, query: LexicalQuery, recipe: Recipe) -> Standing | None:
    """What rows say of what the user wants from then on, where something is asked, and not of the past."""
    request = query.request
    instructs = 0.0 if request.recalls or request.looks_up else 1.0
    prefers = 1.0 if request.is_task else 0.0
    if not query.standing or not (instructs or prefers):
        return None
    strengths = (
        (instructs * recipe.instructs, instructs * recipe.instructs_lift),
        (prefers * recipe.prefers, 0.0),
    )
    return standing_rows(view, zip(query.standing, strengths, strict=True))
