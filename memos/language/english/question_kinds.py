"""What a question asks for, told by its first question word."""

from __future__ import annotations

import re

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


def question_kind(query: str) -> str:
    """count, when, where, who, why, how or what; empty where a query has no question word."""
    query = query.lower()
    places = [(match.start(), kind) for kind, pattern in _KINDS if (match := pattern.search(query))]
    return min(places, key=lambda place: place[0], default=(0, ""))[1]
