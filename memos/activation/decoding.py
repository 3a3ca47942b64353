"""Token ids of an answer as text, while they come."""

from __future__ import annotations

from collections.abc import Generator

from memos.activation.reader import ReadFigures
from memos.activation.tokenizer import TextTokenizer

_UNFINISHED = "\ufffd"
"""What a decoder shows of a character whose bytes are not all there."""


class Decoding:
    """Token ids as they come, as text."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self.ids: list[int] = []
        self._tokenizer = tokenizer
        self._told = ""

    def pieces(self, ids: Generator[int, None, ReadFigures]) -> Generator[str, None, ReadFigures]:
        """The text of each id, once its last character is whole; what the ids give at their end."""
        while True:
            try:
                self.ids.append(next(ids))
            except StopIteration as end:
                figures: ReadFigures = end.value
                return figures
            text = self._tokenizer.text(self.ids)
            if len(text) > len(self._told) and not text.endswith(_UNFINISHED):
                yield text[len(self._told) :]
                self._told = text

    def rest(self) -> str:
        """What was held back."""
        return self._tokenizer.text(self.ids)[len(self._told) :]
