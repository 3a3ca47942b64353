"""Scoring a search over conversations by the turns that hold the evidence.

Each conversation has a scope of its own; its turns go in through the public API, in order, and the
query is the question's text alone. recall@k is the share of a question's gold among the first k
found, any@k whether one of it is there, all@k whether all of it is; MRR is the mean of 1/rank of
the first gold, 0 where none is among the first 100. All are means over questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

CUTOFFS = (1, 5, 10, 20)
DEPTH = 100
"""How many hits are scored; what lies deeper counts as not found."""
RESAMPLES = 10_000
SEED = 1


@dataclass(frozen=True)
class Question:
    """A question and the units (turns or sessions) that hold its evidence; never empty."""

    name: str
    text: str
    category: str
    gold: frozenset[str]


@dataclass(frozen=True)
class Session:
    """Turns as `add_conversation` takes them, and when they were said."""

    name: str
    at: datetime | None
    turns: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Conversation:
    """What goes into one scope, and what is asked of it."""

    name: str
    sessions: Sequence[Session]
    questions: Sequence[Question]
    skipped: int = 0
    """Questions that no unit here holds evidence for."""


@dataclass(frozen=True)
class Judged:
    """Where a question's gold was found: the ranks, from 1, of those of its `gold` units found."""

    name: str
    conversation: str
    category: str
    gold: int
    ranks: tuple[int, ...]


def judge(conversation: str, question: Question, ranked: Iterable[str]) -> Judged:
    """Rank the gold among found units; a unit found twice counts where it came first."""
    units = list(dict.fromkeys(ranked))
    ranks = tuple(rank for rank, unit in enumerate(units, 1) if unit in question.gold)
    return Judged(question.name, conversation, question.category, len(question.gold), ranks)


def metrics(judged: Judged) -> dict[str, float]:
    """One question's figures."""
    figures: dict[str, float] = {}
    for cutoff in CUTOFFS:
        found = sum(rank <= cutoff for rank in judged.ranks)
        figures[f"recall@{cutoff}"] = found / judged.gold
        figures[f"any@{cutoff}"] = float(found > 0)
        figures[f"all@{cutoff}"] = float(found == judged.gold)
    figures["MRR"] = 1 / judged.ranks[0] if judged.ranks else 0.0
    return figures


def means(judged: Sequence[Judged]) -> dict[str, float]:
    """The mean of each figure over one or more questions."""
    each = [metrics(one) for one in judged]
    return {name: float(np.mean([figures[name] for figures in each])) for name in each[0]}


def interval(judged: Sequence[Judged], name: str = "recall@10") -> tuple[float, float] | None:
    """95 % bootstrap interval of a mean, resampling whole conversations (Efron, percentile method).

    None where there is one conversation only: that says nothing about others.
    """
    values: dict[str, list[float]] = {}
    for one in judged:
        values.setdefault(one.conversation, []).append(metrics(one)[name])
    if len(values) < 2:
        return None
    sums = np.array([sum(each) for each in values.values()])
    counts = np.array([len(each) for each in values.values()])
    drawn = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), (0.025, 0.975))
    return float(low), float(high)
