"""Texts as token ids. What a memory says never becomes a control token of its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import tokenizers

FILE = "tokenizer.json"


class TextTokenizer:
    """The tokenizer of a model's directory.

    Attributes:
        digest: of all that it does (32 bytes); for the model's identity.
    """

    def __init__(self, directory: Path) -> None:
        """Read `tokenizer.json` of a model."""
        path = directory / FILE
        self.digest = sha256(path.read_bytes()).digest()
        self._control = tokenizers.Tokenizer.from_file(str(path))
        self._literal = tokenizers.Tokenizer.from_file(str(path))
        self._literal.encode_special_tokens = True

    def control(self, text: str) -> list[int]:
        """A part of a template: control tokens written in it are meant."""
        return self._control.encode(text, add_special_tokens=False).ids

    def literal(self, text: str) -> list[int]:
        """A text as it is: what looks like a control token in it is letters."""
        return self._literal.encode(text, add_special_tokens=False).ids

    def text(self, ids: Sequence[int]) -> str:
        """What ids say, without control tokens."""
        return self._control.decode(list(ids), skip_special_tokens=True)
