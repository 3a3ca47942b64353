"""Embedding a batch of memories, so that one which the model refuses holds up none of the others.

A model that is away refuses everything, and is waited for. One memory is at fault where the model
refuses its texts and, between two tries of them, embeds another text that is known to be good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from memos.infrastructure.index.models.embedders.port import Vectors
from memos.kernel.errors import EmbedderUnavailable, EmbeddingFailed

KNOWN_GOOD = "This is a sentence."
TRIES = 2

Embed = Callable[[Sequence[str]], Vectors]


class RefusedText(NamedTuple):
    """In the place of a memory's vectors: the kind of the error that the model refuses it with.

    Not its words: an error may quote the text, and what is kept of this is kept in clear.
    """

    cause: str


def embed_each(embed: Embed, memories: Sequence[Sequence[str]]) -> list[Vectors | RefusedText]:
    """The vectors of each memory's texts, or that the model refuses them.

    Args:
        embed: the model; raises EmbeddingFailed.
        memories: of each one the texts that are embedded; none is an answer too.

    Raises:
        EmbeddingFailed: it is the model that fails, not the texts.
    """
    try:
        vectors = embed([text for texts in memories for text in texts])
    except EmbedderUnavailable:
        raise
    except EmbeddingFailed:
        embed([KNOWN_GOOD])
        return [_alone(embed, texts) for texts in memories]
    ends = [0]
    for texts in memories:
        ends.append(ends[-1] + len(texts))
    return [vectors[begin:end] for begin, end in pairwise(ends)]


def _alone(embed: Embed, texts: Sequence[str]) -> Vectors | RefusedText:
    cause = ""
    for _ in range(TRIES):
        try:
            return embed(texts)
        except EmbedderUnavailable:
            raise
        except EmbeddingFailed as error:
            cause = type(error.__cause__ or error).__name__
        embed([KNOWN_GOOD])
    return RefusedText(cause)
