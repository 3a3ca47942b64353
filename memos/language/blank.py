"""Texts of which nothing is to be seen."""

from __future__ import annotations

from unicodedata import category

_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""Controls, marks of format such as a zero-width space, and spaces."""
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that are drawn as nothing."""


def is_blank(text: str) -> bool:
    """Whether nothing in a text can be seen; an empty one is such a text."""
    return all(letter in _FILLERS or category(letter) in _INVISIBLE for letter in text)
