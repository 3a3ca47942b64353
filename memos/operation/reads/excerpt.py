"""The part of a long text that serves a query: where its words stand together, in whole sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from memos.language.sentences import split_sentences

_WORD = re.compile(r"\w{3,}")
_STEM = 4
"""Words are looked for by their beginning, so that another ending is found: all but two letters, and
at least so many.
"""
_MOST_FOUND = 20_000
"""Words that are looked at in one text."""
_MOST_WORDS = 32


def excerpt(text: str, query: str, length: int) -> str:
    """A part of a text, of about so many characters at most; the whole where it is no longer.

    It begins at a sentence, where one fits, and is the stretch in which most words of the query
    stand, the rare ones first; the beginning where none does.
    """
    if len(text) <= length:
        return text
    start = _start(text, query, length)
    stretch = text[start : start + 2 * length]
    if start:  # it begins inside a sentence
        sentences = split_sentences(stretch)
        if len(sentences) > 1 and len(sentences[0]) < length // 2:
            behind = stretch.index(sentences[0]) + len(sentences[0])
            stretch = stretch[stretch.index(sentences[1], behind) :]
    return _whole_sentences(split_sentences(stretch), stretch, length)


def _whole_sentences(sentences: Sequence[str], stretch: str, length: int) -> str:
    end = 0
    for sentence in sentences:
        at = stretch.find(sentence, end)
        if at + len(sentence) > length:
            break
        end = at + len(sentence)
    return stretch[:end].strip() or stretch[:length].strip()


def _start(text: str, query: str, length: int) -> int:
    """Where the stretch begins: a little before the words that it is for."""
    words = list(dict.fromkeys(word.casefold() for word in _WORD.findall(query)))[:_MOST_WORDS]
    if not words:
        return 0
    stems = [word[: max(_STEM, len(word) - 2)] for word in words]
    pattern = re.compile("|".join(rf"\b{re.escape(stem)}" for stem in stems), re.IGNORECASE)
    found = [
        (match.start(), match[0].casefold())
        for match in islice(pattern.finditer(text), _MOST_FOUND)
    ]
    counts = Counter(stem for _, stem in found)
    best, at = 0.0, 0
    weight, inside, first = 0.0, Counter[str](), 0
    for position, stem in found:
        weight += 0.0 if inside[stem] else 1 / counts[stem]
        inside[stem] += 1
        while found[first][0] < position - length // 2:
            gone = found[first][1]
            inside[gone] -= 1
            weight -= 0.0 if inside[gone] else 1 / counts[gone]
            first += 1
        if weight > best + 1e-9:
            best, at = weight, found[first][0]
    return max(0, at - length // 4)
