"""What a model makes of a memory: bytes of keys and values, or of an adapter, and milliseconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from memos.kernel.errors import InvalidInput, shorten
from memos.operation.reads.quote import CountTokens, estimate_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a model's forms of memories cost.

    Attributes:
        bytes_per_token: of keys and values.
        milliseconds_per_token: to compute them.
        milliseconds_per_memory: that each forward pass takes beside that.
        count_tokens: the model's own counter; by default `estimate_tokens`.
        adapter_bytes: a memory's share of an adapter; 0 where the model learns none.
        training_milliseconds: its share of what training the adapter takes.

    Raises:
        InvalidInput: a figure is no number from 0, or a token takes no bytes.
    """

    bytes_per_token: int
    milliseconds_per_token: float
    milliseconds_per_memory: float = 0.0
    count_tokens: CountTokens = estimate_tokens
    adapter_bytes: int = 0
    training_milliseconds: float = 0.0

    def __post_init__(self) -> None:
        for name in _FIGURES:
            _check_figure(getattr(self, name), name)
        if self.bytes_per_token < 1 or self.bytes_per_token % 1:
            raise InvalidInput("bytes_per_token is a whole number from 1")

    def bytes_of(self, tokens: int) -> int:
        """What the keys and values of so many tokens take."""
        return tokens * self.bytes_per_token

    def milliseconds_of(self, tokens: int) -> float:
        """What computing them takes, by themselves."""
        return self.milliseconds_per_memory + tokens * self.milliseconds_per_token


_FIGURES = (
    "bytes_per_token",
    "milliseconds_per_token",
    "milliseconds_per_memory",
    "adapter_bytes",
    "training_milliseconds",
)


def _check_figure(figure: object, name: str) -> None:
    if (
        not isinstance(figure, int | float)
        or isinstance(figure, bool)
        or not 0 <= figure < math.inf
    ):
        raise InvalidInput(f"{name} is a number from 0, not {shorten(figure)}")
