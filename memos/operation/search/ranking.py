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
from memos.operation.search.answer import answer_fit
from memos.operation.search.bm25 import (
    Collection,
    TermScores,
    average_length,
    collection_of,
    score_term,
    session_match,
)
from memos.operation.search.conversation import Neighbours, neighbours_of
from memos.operation.search.dense import Dense, with_neighbours
from memos.operation.search.models import model_named
from memos.operation.search.question import Question
from memos.operation.search.ranked import Fused, Ranking
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
    assistant = (view.traits & ASSISTANT) != 0
    said_by_assistant = _assistant_share(query, recipe)
    collection = collection_of(view, assistant, said_by_assistant)
    weights = _context_weights(view, recipe) if neighbours is not None else None
    terms = [
        score_term(view, term, collection, neighbours, weights) for term in _weighed(query, recipe)
    ]
    speakers = {word for term, word in query.words.items() if (view.speaker == term).any()}
    asked = [scored for scored in terms if scored.term.surface not in speakers]
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
    factors = _factors(view, query, recipe)
    for factor in factors.values():
        total *= factor
    fused = None
    if dense is not None:
        dense = dense.exact_for(total, neighbours)
        best = float(total.max(initial=0.0)) or 1.0
        near = _nearness(view, query, recipe, dense, neighbours, factors)
        meaning = recipe.dense * near / (float(near.max(initial=0.0)) or 1.0)
        words = _words_share(asked, collection, total, dense.model) * total / best
        fused = Fused(dense, words, meaning)
        total = fused.words + meaning
        reached |= dense.compared
    standing = _standing(view, query, recipe)
    if standing is not None:
        total = standing.applied(total)
        reached |= standing.lift > 0
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
    named = _named_speaker(view, query)
    by_named = None if named is None else view.speaker == named
    return Ranking(
        rows,
        total[rows],
        view.opened[rows],
        terms,
        sessions,
        factors,
        asked,
        collection.texts,
        by_named,
        fused,
        chain,
        answers,
        standing,
    )


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


def _words_share(
    asked: Sequence[TermScores], collection: Collection, words: Floats, model: str
) -> float:
    """What words count beside a model's meaning: less, the less of the query's the best text has."""
    full = model_named(model).words_in_full
    if not full:
        return 1.0
    best = coverage(asked, collection.texts, np.array([words.argmax()]))
    return min(1.0, float(best[0]) / full)


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


def _named_speaker(view: View, query: LexicalQuery) -> int | None:
    """The speaker whom the query names, where that is exactly one of those in view."""
    named = [name for name in query.names if (view.speaker == name).any()]
    return named[0] if len(named) == 1 else None


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
