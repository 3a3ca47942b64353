"""A cross-encoder on the CPU: one BERT reads query and text together and tells how well they fit
(Nogueira and Cho, Passage Re-ranking with BERT, 2019).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from memos.infrastructure.index.models.embedders.bert import Array, Bert, chunks, linear
from memos.infrastructure.index.models.rerankers.port import Scores
from memos.infrastructure.release import pip_install
from memos.kernel.errors import RerankFailed

INSTALL = pip_install("embed")
FILES = ("model.safetensors", "tokenizer.json", "config.json")

MAX_TOKENS = 512
"""Query and text together are cut here; of the two the longer one first."""

_CHUNK_TOKENS = 1024  # read at once: what a layer makes of them stays in the processor's cache
_MAX_CHARACTERS = 8_000


class CrossEncoder:
    """See `port.Reranker`. Everything is read from the disk; nothing is ever fetched.

    Args:
        directory: of a model in sentence-transformers' or Hugging Face's layout, such as
            ms-marco-MiniLM-L-6-v2: model.safetensors, tokenizer.json, config.json. The model is a
            BERT with one output; a score is its logistic function, from 0 to 1.

    Raises:
        RerankFailed: a file or a library is missing, or the model is another one.
    """

    def __init__(self, directory: Path) -> None:
        self.name = directory.name
        try:
            weights, tokenizer, config = (directory.joinpath(name).read_bytes() for name in FILES)
            from safetensors.numpy import load
            from tokenizers import Tokenizer
        except OSError as error:
            raise RerankFailed(
                f"{directory} holds no cross-encoder ({error}): {', '.join(FILES)} are read"
            ) from error
        except ImportError as error:
            raise RerankFailed(f"{self.name} cannot be loaded ({error}): {INSTALL}") from error
        self.digest = hashlib.sha256(config + b"\n" + tokenizer + b"\n" + weights).digest()
        try:
            shape: dict[str, Any] = json.loads(config)
            if shape.get("hidden_act", "gelu") != "gelu":
                raise ValueError(f"hidden_act {shape['hidden_act']}")
            tensors = {name: np.asarray(each, np.float32) for name, each in load(weights).items()}
            self._bert = Bert(
                tensors,
                layers=shape["num_hidden_layers"],
                heads=shape["num_attention_heads"],
                prefix="bert.",
            )
            self._pool = linear(tensors, "bert.pooler.dense")
            self._judge = linear(tensors, "classifier")
            self._tokenizer = Tokenizer.from_buffer(tokenizer)
        except Exception as error:  # each library has errors of its own for a broken file
            raise RerankFailed(f"{directory} holds no BERT with an output ({error!r})") from error
        if self._judge.bias.shape != (1,):
            raise RerankFailed(
                f"{directory} holds a model of {len(self._judge.bias)} outputs; a cross-encoder "
                "that ranks has one"
            )
        self._tokenizer.enable_truncation(min(MAX_TOKENS, self._bert.longest))
        self._tokenizer.no_padding()

    def __repr__(self) -> str:
        return f"CrossEncoder({self.name!r})"

    def score(self, query: str, texts: Sequence[str]) -> Scores:
        asked = query[:_MAX_CHARACTERS]
        pairs = [(asked, text[:_MAX_CHARACTERS]) for text in texts]
        encoded = self._tokenizer.encode_batch(pairs)
        ids = [encoding.ids for encoding in encoded]
        types = [encoding.type_ids for encoding in encoded]
        scores = np.empty(len(texts))
        for chunk in chunks(ids, _CHUNK_TOKENS):
            scores[chunk] = self._fit([ids[n] for n in chunk], [types[n] for n in chunk])
        return scores

    def _fit(self, ids: list[list[int]], types: list[list[int]]) -> Array:
        hidden, _ = self._bert.encode(ids, types)
        pooled = np.tanh(self._pool(hidden[:, 0]))
        fits: Array = np.reciprocal(1 + np.exp(-self._judge(pooled)[:, 0]))
        return fits
