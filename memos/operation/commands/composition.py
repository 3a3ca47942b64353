"""Composing texts without a model."""

from __future__ import annotations


def join_texts(text: str, addition: str) -> str:
    """The text, and the addition on a new line."""
    return f"{text}\n{addition}" if text else addition


def merge_texts(*texts: str) -> str:
    """Every line of the texts in order, each different line once."""
    return "\n".join(dict.fromkeys(line for text in texts for line in text.splitlines()))
