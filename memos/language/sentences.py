"""Texts cut into sentences, by the marks that end one in any script."""

from __future__ import annotations

import re
from itertools import pairwise

MOST_SENTENCES = 32

_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s+|(?<=[。！？])|\n+")
_FEWEST_WORDS = 3
_QUESTION_MARKS = ("?", "？", "؟")


def split_sentences(text: str) -> list[str]:
    """A text's sentences, without the white space around them."""
    return [piece for piece in map(str.strip, _SENTENCE_END.split(text)) if piece]


def sentence_pieces(text: str) -> list[str]:
    """A text's sentences, each with the white space behind it: together they are the text."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    pieces = (text[start:end] for start, end in pairwise((0, *ends, len(text))))
    return [piece for piece in pieces if piece]


def sentences_to_embed(text: str) -> list[str]:
    """A text's sentences, at most MOST_SENTENCES of them, as a model reads them apart.

    What is under three words goes with the next sentence, the last with the one before it. Of a
    text of very many, several stand together.
    """
    sentences: list[str] = []
    short = ""
    for piece in split_sentences(text):
        joined = f"{short} {piece}".strip()
        if piece.isascii() and len(joined.split()) < _FEWEST_WORDS:
            short = joined
        else:
            sentences.append(joined)
            short = ""
    if short:
        sentences[-1:] = [f"{sentences[-1]} {short}" if sentences else short]
    size = -(-len(sentences) // MOST_SENTENCES)
    if size <= 1:
        return sentences
    return [" ".join(sentences[at : at + size]) for at in range(0, len(sentences), size)]


def texts_to_embed(text: str, caption: str) -> list[str]:
    """A memory's text and, where it has several, its sentences; a caption is one of them."""
    text = text.strip()
    parts = sentences_to_embed(text) + ([f"[image: {caption}]"] if caption else [])
    if not parts:
        return []
    whole = f"{text} [image: {caption}]".strip() if caption else text
    return [whole, *parts] if len(parts) > 1 else [whole]


def ends_as_question(text: str) -> bool:
    """Whether a text ends with a question mark, of any script."""
    return text.rstrip().endswith(_QUESTION_MARKS)
