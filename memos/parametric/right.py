"""Whether an answer says what it has to say."""

from __future__ import annotations

import re


def words_of(text: str) -> list[str]:
    """Words and numbers, folded."""
    return re.findall(r"\w+", text.casefold())


def says(answer: str, value: str) -> bool:
    """Whether a value's words stand in an answer, side by side; of no value, any answer is right."""
    told, wanted = f" {' '.join(words_of(answer))} ", f" {' '.join(words_of(value))} "
    return not value or wanted in told


def overlap(answer: str, other: str) -> float:
    """The share of the words of another answer that an answer has; 1 where that has none."""
    told, wanted = set(words_of(answer)), set(words_of(other))
    return len(told & wanted) / len(wanted) if wanted else 1.0
