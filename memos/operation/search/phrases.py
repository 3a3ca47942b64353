"""Phrases in quotes: which rows have their words, and whose texts hold them as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from memos.infrastructure.index.port import Mask, View
from memos.language.analyzer import Analyzer
from memos.language.letters import plain_letters
from memos.language.tokens import Tokens
from memos.operation.cube import MemCube
from memos.operation.search.question import Phrase

MOST_OPENED = 64
"""How many texts with all words of a quoted phrase are opened to see whether they hold it."""


def rows_with_words(view: View, analyzer: Analyzer, phrases: Sequence[Phrase]) -> Mask:
    """The rows that have all words of all phrases, together or apart."""
    rows = np.ones(len(view), np.bool_)
    for word in {word for phrase in phrases for word in phrase}:
        having = np.zeros(len(view), np.bool_)
        for spelling in {word, plain_letters(word)}:
            having[view.postings(analyzer.word_term(spelling))[0]] = True
        rows &= having
    return rows


def rows_holding(
    memory_of: Callable[[int], MemCube | None],
    analyzer: Analyzer,
    having: Mask,
    phrases: Sequence[Phrase],
) -> Mask | None:
    """Of the rows that have all words of the phrases those whose texts hold them.

    None where more than MOST_OPENED have the words: then the phrases tell little.

    Args:
        memory_of: opens the memory of a row; None where it was erased.
        analyzer: of the tenant.
        having: the rows that have the words, see `rows_with_words`.
        phrases: what is quoted.
    """
    if np.count_nonzero(having) > MOST_OPENED:
        return None
    holding = np.zeros(len(having), np.bool_)
    for row in np.flatnonzero(having).tolist():
        cube = memory_of(row)
        holding[row] = cube is not None and holds_phrases(analyzer, cube, phrases)
    return holding


def holds_phrases(analyzer: Analyzer, cube: MemCube, phrases: Sequence[Phrase]) -> bool:
    """Whether a memory's text, or what its picture shows, holds every one of the phrases."""
    if not phrases:
        return True
    tokens = analyzer.tokenize(f"{cube.text}\n{cube.metadata.get('caption', '')}")
    return all(holds_phrase(tokens, phrase) for phrase in phrases)


def holds_phrase(tokens: Tokens, phrase: Phrase) -> bool:
    """Whether the words of a phrase stand beside each other in a text of these tokens, whichever letters
    each is written with.
    """
    characters = tokens.characters
    words, sought = (list(map(plain_letters, each)) for each in (tokens.words, phrase))
    if len(sought) == 1 and sought[0] in characters:
        return True
    return any(
        words[start : start + len(sought)] == sought
        for start in range(len(words) - len(sought) + 1)
        if words[start] == sought[0]
    )
