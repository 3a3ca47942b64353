"""What a query is beyond its words: phrases in quotes, stretches of time, the kind of question."""

from __future__ import annotations

import re
from typing import NamedTuple

from memos.language.analyzer import Analyzer
from memos.language.port import LONGEST_QUERY, Window
from memos.language.sentences import ends_as_question

# A straight quote opens where no word ends and closes where none begins: 27" is a measure.
_QUOTED = re.compile(
    r'(?<![\w"])"(?=\S)([^"]+)(?<=\S)"(?!\w)|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|「([^」]+)」|『([^』]+)』'
)
_MOST_PHRASES = 8

Phrase = tuple[str, ...]
"""The folded words of a phrase, in order."""


class Question(NamedTuple):
    """What a query asks for.

    Attributes:
        kind: count, when, where, who, why, how or what, after its first question word; empty where
            it has none.
        phrases: the folded words of each phrase in double quotes.
        windows: the stretches of time that it names.
        asks: whether it is a question, rather than words to be found.
    """

    kind: str = ""
    phrases: tuple[Phrase, ...] = ()
    windows: tuple[Window, ...] = ()
    asks: bool = False


def read_question(analyzer: Analyzer, text: str, now: int) -> Question:
    """What a query asks for, its dates relative to `now` (microseconds since 1970)."""
    start = text[:LONGEST_QUERY]
    quoted = [next(filter(None, groups)) for groups in _QUOTED.findall(start)]
    phrases = [tuple(analyzer.words(phrase)) for phrase in quoted[:_MOST_PHRASES]]
    kind = analyzer.language.question_kind(start)
    return Question(
        kind,
        tuple(filter(None, phrases)),
        analyzer.language.windows(text, now),
        bool(kind) or ends_as_question(text),
    )
