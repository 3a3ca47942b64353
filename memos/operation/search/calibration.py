"""How the nearness that each model tells is read."""

from __future__ import annotations

from typing import NamedTuple


class Curve(NamedTuple):
    """The weights of a logistic curve, by which nearness and words become a likelihood."""

    base: float
    coverage: float
    nearness: float
    speaker: float
    others: float


class Calibration(NamedTuple):
    """How a model's nearness is read.

    `curve` is that of `relevance`. `words_in_full` is what part of a query's words the best text by words has
    to have, for words to count in full beside meaning: where a query and its answer are of two languages, a
    word that some other text shares with it is an accident, and would be divided by itself.
    """

    curve: Curve
    words_in_full: float = 0.0


BY_WORDS = Curve(-4.1, 8.8, 0.0, 0.5, -6.0)
ANY = Calibration(Curve(-7.9, 8.1, 12.3, 0.5, -6.0))
"""all-MiniLM-L6-v2, and what is not known better."""

KNOWN = {
    "multilingual-e5-small": Calibration(Curve(-5.0, 6.0, 17.0, 0.5, -6.0), words_in_full=0.7),
}


def calibration_of(name: str) -> Calibration:
    """How to read the nearness of a model."""
    return KNOWN.get(name, ANY)
