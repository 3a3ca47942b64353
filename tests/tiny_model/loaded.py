"""The tiny model as it was trained, ready to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from memos.activation.tokenizer import TextTokenizer
from memos.activation.transformers_model import CausalModel

DIRECTORY = Path(__file__).parent / "weights"


@cache
def tokenizer() -> TextTokenizer:
    """Of the words of `language.WORDS`."""
    return TextTokenizer(DIRECTORY)


@cache
def trained_model() -> CausalModel:
    """The model in float32; loaded once for all tests of a process, in less than a second."""
    return CausalModel.load(DIRECTORY, tokenizer_digest=tokenizer().digest)


def token_ids(texts: Sequence[str]) -> list[list[int]]:
    """Each text as token ids."""
    return [tokenizer().literal(text) for text in texts]
