"""Generated memories: seeded, so that two runs write the same; no data set is needed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from memos.language.english.stop_words import STOP_WORDS

VOCABULARY = 50_000
MARKERS = 6
MARKED = 0.05
"""Share of the memories that hold a marker term, for each of them."""
IN_SCOPE = 10_000
STOPS = 10
WORDS = 15
_CHUNK = 1_000

_SYLLABLES = [first + vowel for first in "bdfgklmnprstvz" for vowel in "aeiou"]

Item = dict[str, Any]


def word(number: int) -> str:
    """An invented word; another one for each number."""
    letters = ""
    number += len(_SYLLABLES)
    while number:
        number, syllable = divmod(number, len(_SYLLABLES))
        letters += _SYLLABLES[syllable]
    return letters + "x"


class Texts:
    """An endless sequence of texts of 25 words: 10 stop words, and 15 by Zipf's law from 50,000.

    Each of six marker terms is put behind 5 % of the texts.
    """

    def __init__(self, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        self._words = np.array([word(number) for number in range(VOCABULARY)])
        self._stops = np.array(sorted(STOP_WORDS))
        self._markers = [f"marker{word(number)}" for number in range(MARKERS)]
        weights = 1 / np.arange(1, VOCABULARY + 1)
        self._cumulated = np.cumsum(weights / weights.sum())
        self._waiting: Iterator[str] = iter(())

    @property
    def frequent(self) -> str:
        """A query of six terms, each in 5 % of the memories."""
        return " ".join(self._markers)

    @property
    def rare(self) -> str:
        """A query of six terms, each in about 0.1 % of the memories."""
        return " ".join(self._words[1_300:1_306].tolist())

    def take(self, count: int) -> list[str]:
        """The next `count` texts."""
        found = list(islice(self._waiting, count))
        while len(found) < count:
            self._waiting = self._chunk()
            found.extend(islice(self._waiting, count - len(found)))
        return found

    def _chunk(self) -> Iterator[str]:
        chance = self._rng.random((_CHUNK, WORDS))
        at = np.minimum(np.searchsorted(self._cumulated, chance), VOCABULARY - 1)
        words = self._words[at].tolist()
        stops = self._stops[self._rng.integers(0, len(self._stops), (_CHUNK, STOPS))].tolist()
        marked = self._rng.random((_CHUNK, MARKERS)) < MARKED
        for own, others, has in zip(words, stops, marked, strict=True):
            markers = [self._markers[number] for number in np.flatnonzero(has)]
            mixed = [each for pair in zip(own, others, strict=False) for each in pair]
            yield " ".join([*mixed, *own[STOPS:], *markers])


def scope_of(number: int) -> str:
    """The scope of the n-th memory: 10,000 stand in each."""
    return f"bench/user-{number // IN_SCOPE}"


def items(texts: Texts, first: int, count: int) -> list[Item]:
    """Arguments of `add` for memories number `first` and on."""
    return [
        {
            "text": text,
            "scope": scope_of(number),
            "source": f"conversation:{number // 500}/turn-{number % 500}",
        }
        for number, text in enumerate(texts.take(count), first)
    ]
