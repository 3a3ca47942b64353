"""Texts as models take them: UTF-8, which has no half of a surrogate pair."""

from __future__ import annotations


def well_formed(text: str) -> str:
    """The text with a question mark in the place of every half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode("utf-8")
