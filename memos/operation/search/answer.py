"""What answers a question: texts of the time that it names, of the kind that it asks for, and with
the phrases that it quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Mask, View
from memos.kernel.moment import OPEN
from memos.language.indexed_text import COUNTED, TIMED
from memos.language.port import Window
from memos.operation.search.question import Question
from memos.operation.search.recipe import Recipe

Floats = npt.NDArray[np.float64]

FADING = 3 * 24 * 3600 * 1_000_000
"""Microseconds: a text so far from a window counts 1/e as much, for what happened is
often told a few days later."""

_TRAITS_ASKED_FOR = {"when": TIMED, "count": COUNTED}


class AnswerFit(NamedTuple):
    """How well each row answers a question, beyond its words.

    Attributes:
        question: what is asked.
        nearness: 1 in a window in time, less the farther from it; None where none is named.
        inside: which rows lie in a window and have words; None where no time is named.
        fitting: which rows are of the kind asked for, such as with a time; None for other kinds.
        holding: which rows hold the phrases that it quotes; None where it quotes none.
    """

    question: Question
    nearness: Floats | None
    inside: Mask | None
    fitting: Mask | None
    holding: Mask | None
    recipe: Recipe

    def applied(self, total: Floats) -> Floats:
        """Scores, with what the time, the kind and the phrases of the question add to them."""
        if self.fitting is not None:
            total = total * np.where(self.fitting, 1 + self.recipe.answer, 1.0)
        best = float(total.max(initial=0.0)) or 1.0
        if self.nearness is not None:
            total = total + self.recipe.window * best * self.nearness
        if self.holding is not None:
            total = total + self.recipe.phrase * best * self.holding
        return total

    def reached(self) -> Mask | None:
        """The rows that are reached by their time or by a phrase alone; None where none are."""
        masks = [mask for mask in (self.inside, self.holding) if mask is not None]
        return np.logical_or.reduce(masks) if masks else None

    def explain(self, row: int) -> dict[str, object]:
        """What each stage gave one row."""
        explanation: dict[str, object] = {}
        if self.fitting is not None:
            explanation["answer"] = {"asked": self.question.kind, "has": bool(self.fitting[row])}
        if self.nearness is not None:
            named = [window.phrase for window in self.question.windows]
            explanation["window"] = {"named": named, "near": round(float(self.nearness[row]), 6)}
        if self.holding is not None:
            explanation["phrase"] = {"held": bool(self.holding[row])}
        return explanation


def answer_fit(
    view: View, question: Question, recipe: Recipe, holding: Mask | None = None
) -> AnswerFit | None:
    """How the rows of a view answer a question; None where no stage has anything to say."""
    named = bool(recipe.window) and bool(question.windows)
    trait = _TRAITS_ASKED_FOR.get(question.kind, 0) if recipe.answer else 0
    if not named and not trait and holding is None:
        return None
    nearness = _nearness(view, question.windows) if named else None
    return AnswerFit(
        question,
        nearness,
        None if nearness is None else (nearness == 1.0) & (view.length > 0),
        (view.traits & trait) != 0 if trait else None,
        holding,
        recipe,
    )


def _nearness(view: View, windows: Sequence[Window]) -> Floats:
    """How near to a window each row's time is: when a turn was said, or while a text holds."""
    start = view.valid_from
    end = np.where(view.valid_until == OPEN, start + 1, view.valid_until)
    nearest = np.zeros(len(view))
    for window in windows:
        gap = np.maximum(window.start - end + 1, 0) + np.maximum(start - window.end + 1, 0)
        nearest = np.maximum(nearest, np.exp(-gap / FADING))
    return nearest
