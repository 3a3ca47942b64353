"""Lexical ranking: BM25 term by term, with what the conversation around a text lends it.

score = (sum over terms of idf x (match, or what its context lends) + session match) x factors for
speaker, question, role and length. Statistics are those of the view alone, so a score tells of
nothing that the view does not show; sums run in query order in float64, so equal inputs give equal
bits; equals stay in log order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import ASSISTANT, QUESTION, Ints, View
from memos.operation.analysis import QueryTerm
from memos.operation.context import Context, context_of, spread
from memos.operation.recipe import Recipe

K1 = 1.2
B = 0.75

Floats = npt.NDArray[np.float64]


class LexicalQuery(NamedTuple):
    """An analysed query: its terms, the speakers that it names, whether it asks for what an
    assistant said.
    """

    terms: Sequence[QueryTerm]
    names: frozenset[int]
    addresses_assistant: bool


class TermScores(NamedTuple):
    """What one query term gave: its own match and what context made of it, for every row."""

    term: QueryTerm
    df: int
    idf: float
    own: Floats
    lent: Floats


@dataclass(frozen=True)
class Ranking:
    """The rows that a query reaches, best first: `scores[i]` is the score of `rows[i]`."""

    rows: Ints
    scores: Floats
    terms: Sequence[TermScores]
    sessions: Floats
    factors: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.rows)

    def explain(self, row: int) -> dict[str, object]:
        """What each stage gave one row."""
        return {
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


def rank(view: View, query: LexicalQuery, recipe: Recipe) -> Ranking:
    """Rank the rows of a view that the query reaches, by a recipe."""
    context = context_of(view) if recipe.near or recipe.session else None
    norm = _length_norm(view)
    weights = _context_weights(view, recipe) if context is not None else None
    terms = [_score_term(view, term, norm, context, weights) for term in query.terms]
    sessions = np.zeros(len(view))
    if context is not None and recipe.session:
        sessions = recipe.session * _session_match(terms, context)
    total = np.zeros(len(view))
    for scored in terms:
        total += scored.lent
    reached = total > 0
    total += sessions
    factors = _factors(view, query, recipe)
    for factor in factors.values():
        total *= factor
    rows = np.flatnonzero(reached)
    rows = rows[np.lexsort((view.opened[rows], -total[rows]))]
    return Ranking(rows, total[rows], terms, sessions, factors)


def _length_norm(view: View) -> Floats:
    """k1 x (1 - b + b x length / average length) of each row."""
    total = int(view.length.sum(dtype=np.int64))
    average = total / len(view) if total else 1.0
    norm: Floats = K1 * (1 - B + B * (view.length / average))
    return norm


def _context_weights(view: View, recipe: Recipe) -> tuple[Floats, Floats, Floats]:
    """What each row takes over from near, far and the question: less, the longer it is."""
    share = np.minimum(1.0, recipe.short / np.maximum(view.length, 1))
    return recipe.near * share, recipe.far * share, recipe.reply * share


def _score_term(
    view: View,
    term: QueryTerm,
    norm: Floats,
    context: Context | None,
    weights: tuple[Floats, Floats, Floats] | None,
) -> TermScores:
    rows, tf = view.postings(term.term)
    df = len(rows)
    idf = math.log(1 + (len(view) - df + 0.5) / (df + 0.5))
    own = np.zeros(len(view))
    own[rows] = term.qtf * idf * (K1 + 1) * (tf / (tf + norm[rows]))
    lent = own if context is None or weights is None else spread(own, context, *weights)
    return TermScores(term, df, idf, own, lent)


def _session_match(terms: Sequence[TermScores], context: Context) -> Floats:
    """How well each row's session as a whole fits: BM25 over sessions, saturating in the match."""
    turns = context.session >= 0
    numbers = context.session[turns]
    match = np.zeros(context.sessions)
    for scored in terms:
        per_session = np.bincount(numbers, scored.own[turns], minlength=context.sessions)
        df = int(np.count_nonzero(per_session))
        if df and scored.idf:
            idf = math.log(1 + (context.sessions - df + 0.5) / (df + 0.5))
            mass = per_session / scored.idf
            match += idf * 2 * mass / (mass + 2)
    sessions = np.zeros(len(context.session))
    sessions[turns] = match[numbers]
    return sessions


def _factors(view: View, query: LexicalQuery, recipe: Recipe) -> dict[str, Floats]:
    """What multiplies a row's score, by stage; stages that change nothing are left out."""
    factors: dict[str, Floats] = {}
    if recipe.speaker and query.names:
        named = query.names & set(np.unique(view.speaker).tolist())
        if len(named) == 1:
            (speaker,) = named
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
