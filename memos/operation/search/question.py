"""What a query is beyond its words: phrases in quotes, stretches of time, the kind of question."""

from __future__ import annotations

import re
from typing import NamedTuple

from memos.operation.english.windows import LONGEST_QUERY, Window, windows
from memos.operation.search.tokens import tokenize

_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|「([^」]+)」|『([^』]+)』')
_MOST_PHRASES = 8

_KINDS = (
    ("count", re.compile(r"\bhow (?:many|much|often|old|long|far|tall|big)\b(?! ago)")),
    (
        "when",
        re.compile(r"\bwhen\b|\b(?:what|which) (?:date|day|month|year|time)\b|\bhow long ago\b"),
    ),
    ("where", re.compile(r"\bwhere\b|\b(?:what|which) (?:city|country|state|town|place)\b")),
    ("who", re.compile(r"\bwho(?:m|se)?\b")),
    ("why", re.compile(r"\bwhy\b")),
    ("how", re.compile(r"\bhow\b")),
    ("what", re.compile(r"\bwh(?:at|ich)\b")),
)


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


def read_question(text: str, now: int) -> Question:
    """What a query asks for, its dates relative to `now` (microseconds since 1970)."""
    start = text[:LONGEST_QUERY]
    quoted = [next(filter(None, found)) for found in _QUOTED.findall(start)]
    phrases = [tuple(tokenize(phrase).words) for phrase in quoted[:_MOST_PHRASES]]
    asks = start.lower()
    places = [(match.start(), kind) for kind, pattern in _KINDS if (match := pattern.search(asks))]
    first = min(places, key=lambda place: place[0], default=(0, ""))
    return Question(
        first[1],
        tuple(filter(None, phrases)),
        windows(text, now),
        bool(first[1]) or text.rstrip().endswith(("?", "？", "؟")),
    )


def holds_phrase(text: str, phrase: Phrase) -> bool:
    """Whether the words of a phrase stand beside each other in a text."""
    words, characters = tokenize(text)
    wanted = list(phrase)
    if len(wanted) == 1 and wanted[0] in characters:
        return True
    return any(
        words[start : start + len(wanted)] == wanted
        for start in range(len(words) - len(wanted) + 1)
        if words[start] == wanted[0]
    )
