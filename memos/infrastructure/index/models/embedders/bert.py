"""BERT's encoder (Devlin et al., 2019) on the CPU, without a deep learning framework.

Written out in numpy it is one page; PyTorch for it is gigabytes (docs/decisions/0012-vectors.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.models import blas

Array = npt.NDArray[np.float32]

_FEW_ROWS = 48  # tokens, as a question has


class Linear(NamedTuple):
    """A linear map of rows; `weight` has a row for each number that comes out."""

    weight: Array
    bias: Array

    def __call__(self, rows: Array) -> Array:
        out: Array
        if len(rows) <= _FEW_ROWS:
            # A product copies its right side before it begins. That should not be the larger one.
            out = np.ascontiguousarray((self.weight @ rows.T).T)
        else:
            out = rows @ self.weight.T
        out += self.bias
        return out


class _Norm(NamedTuple):
    weight: Array
    bias: Array

    def __call__(self, rows: Array) -> Array:
        rows = rows - rows.mean(axis=-1, keepdims=True)
        rows /= np.sqrt(np.square(rows).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        rows *= self.weight
        rows += self.bias
        return rows


class _Layer(NamedTuple):
    query_key_value: Linear
    attended: Linear
    attended_norm: _Norm
    widen: Linear
    narrow: Linear
    norm: _Norm
    heads: int

    def __call__(self, hidden: Array, padding: Array) -> Array:
        texts, tokens, width = hidden.shape
        head = width // self.heads
        split = self.query_key_value(hidden.reshape(-1, width))
        parted = split.reshape(texts, tokens, 3, self.heads, head)
        query, key, value = parted.transpose(2, 0, 3, 1, 4)
        scores = query @ key.transpose(0, 1, 3, 2)
        scores *= np.float32(head**-0.5)
        scores += padding
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        joined = (scores @ value).transpose(0, 2, 1, 3).reshape(-1, width)
        rows = self.attended_norm(hidden.reshape(-1, width) + self.attended(joined))
        rows = self.norm(rows + self.narrow(_gelu(self.widen(rows))))
        return rows.reshape(hidden.shape)


class Bert:
    """The encoder of a model, from its tensors.

    Args:
        tensors: by the names that Hugging Face gives them, below `prefix`.
        layers: how many.
        heads: of each layer.
        prefix: such as `bert.`.

    Raises:
        KeyError: a tensor is missing.
    """

    def __init__(
        self, tensors: dict[str, Any], *, layers: int, heads: int, prefix: str = ""
    ) -> None:
        self._words = tensors[f"{prefix}embeddings.word_embeddings.weight"]
        self._places = tensors[f"{prefix}embeddings.position_embeddings.weight"]
        self._types = tensors[f"{prefix}embeddings.token_type_embeddings.weight"]
        self._norm = _norm(tensors, f"{prefix}embeddings.LayerNorm")
        self._layers = [
            _layer(tensors, f"{prefix}encoder.layer.{n}.", heads) for n in range(layers)
        ]

    @property
    def width(self) -> int:
        """Of a token's vector."""
        return int(self._words.shape[1])

    @property
    def longest(self) -> int:
        """Tokens of a text at most."""
        return int(self._places.shape[0])

    def encode(
        self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None
    ) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Each token's vector, shape (texts, longest, width), and which tokens are no padding.

        Args:
            ids: of each text's tokens.
            types: which of two texts each token belongs to; all to the first where not given.
        """
        longest = max(map(len, ids))
        tokens = np.zeros((len(ids), longest), np.int64)
        kinds = np.zeros((len(ids), longest), np.int64)
        real = np.zeros((len(ids), longest), np.bool_)
        for row, text in enumerate(ids):
            tokens[row, : len(text)] = text
            real[row, : len(text)] = True
            if types is not None:
                kinds[row, : len(text)] = types[row]
        hidden = self._norm(self._words[tokens] + (self._places[:longest] + self._types[kinds]))
        padding = np.where(real, np.float32(0), np.float32(-1e9))[:, None, None, :]
        with blas.one_thread():
            for layer in self._layers:
                hidden = layer(hidden, padding)
        return hidden, real


def chunks(ids: Sequence[Sequence[int]], tokens: int) -> Iterator[list[int]]:
    """The numbers of texts that are encoded together, of like length, at most so many tokens."""
    # A shorter one is filled up with padding.
    order = sorted(range(len(ids)), key=lambda n: len(ids[n]))
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * len(ids[order[end]]) <= tokens:
            end += 1
        yield order[start:end]
        start = end


def linear(tensors: dict[str, Any], *names: str) -> Linear:
    """One or more linear maps of the same input, side by side."""
    weight = np.concatenate([tensors[f"{name}.weight"] for name in names])
    bias = np.concatenate([tensors[f"{name}.bias"] for name in names])
    return Linear(weight, bias)


def _norm(tensors: dict[str, Any], name: str) -> _Norm:
    return _Norm(tensors[f"{name}.weight"], tensors[f"{name}.bias"])


def _layer(tensors: dict[str, Any], prefix: str, heads: int) -> _Layer:
    read, attention = partial(linear, tensors), f"{prefix}attention."
    return _Layer(
        read(*(f"{attention}self.{part}" for part in ("query", "key", "value"))),
        read(f"{attention}output.dense"),
        _norm(tensors, f"{attention}output.LayerNorm"),
        read(f"{prefix}intermediate.dense"),
        read(f"{prefix}output.dense"),
        _norm(tensors, f"{prefix}output.LayerNorm"),
        heads,
    )


def _gelu(x: Array) -> Array:
    """Half of x (1 + erf(x / sqrt 2)), to 1.5e-7: erf after Abramowitz and Stegun 7.1.26."""
    s = np.abs(x)
    s *= np.float32(0.7071067811865476)
    t = s * np.float32(0.3275911)
    t += 1
    np.reciprocal(t, out=t)
    erf = t * np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        erf += np.float32(coefficient)
        erf *= t
    s *= s
    np.negative(s, out=s)
    np.exp(s, out=s)
    erf *= s
    np.subtract(1, erf, out=erf)
    np.copysign(erf, x, out=erf)
    erf += 1
    erf *= x
    erf *= np.float32(0.5)
    return erf
