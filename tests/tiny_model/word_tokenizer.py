"""The tokenizer of the tiny model: a token is a word or a mark."""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from memos.activation.tokenizer import FILE
from tests.tiny_model.language import BEGIN, END, UNKNOWN, WORDS


def write_tokenizer(directory: Path) -> None:
    """Write `tokenizer.json` into a directory."""
    numbered = {word: number for number, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(numbered, unk_token=UNKNOWN))
    made.normalizer = normalizers.Lowercase()
    # Marks stand alone: a sentence ends where it is quoted, too.
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation()]
    )
    made.add_special_tokens([AddedToken(mark, special=True) for mark in (BEGIN, END)])
    made.save(str(directory / FILE))
