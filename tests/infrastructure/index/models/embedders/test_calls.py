"""Calls of an embedder that fails: the reason is kept, and queries leave it alone for a while."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import pytest

from memos.infrastructure.index.models.embedders import calls
from memos.infrastructure.index.models.embedders.calls import EmbedderCalls
from memos.infrastructure.index.models.embedders.port import Vectors
from memos.kernel.errors import EmbeddingFailed


class Switched:
    """An embedder that can be away."""

    name = "switched"
    digest = sha256(b"switched").digest()
    dimensions = 2
    away = False
    called = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.called += 1
        if self.away:
            raise EmbeddingFailed("it is away")
        return np.array([[1.0, 0.0]] * len(texts), np.float32)


def test_the_last_calls_failure_is_told_until_a_call_succeeds() -> None:
    embedder = Switched()
    embedding = EmbedderCalls(embedder)
    embedder.away = True
    with pytest.raises(EmbeddingFailed, match="it is away"):
        embedding.embed(["text"])
    assert embedding.failure == "it is away"
    embedder.away = False
    assert embedding.embed(["one", "two"]).shape == (2, 2)
    assert embedding.failure == ""


def test_a_query_that_failed_spares_the_next_ones_the_wait_and_they_say_why() -> None:
    embedder = Switched()
    embedding = EmbedderCalls(embedder)
    embedder.away = True
    with pytest.raises(EmbeddingFailed):
        embedding.of_query(["text"])
    embedder.away = False
    embedding.embed(["a batch behind the writes"])
    with pytest.raises(EmbeddingFailed, match="it is away"):
        embedding.of_query(["text"])
    assert embedder.called == 2


def test_after_the_rest_a_query_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "QUERY_REST", 0.0)
    embedder = Switched()
    embedding = EmbedderCalls(embedder)
    embedder.away = True
    with pytest.raises(EmbeddingFailed):
        embedding.of_query(["text"])
    embedder.away = False
    assert embedding.of_query(["text"]).shape == (1, 2)


def test_a_failed_batch_keeps_no_query_from_trying() -> None:
    embedder = Switched()
    embedding = EmbedderCalls(embedder)
    embedder.away = True
    with pytest.raises(EmbeddingFailed):
        embedding.embed(["text"])
    embedder.away = False
    assert embedding.of_query(["text"]).shape == (1, 2)


class TellsApart(Switched):
    """Reads queries otherwise than texts."""

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return np.array([[0.0, 1.0]] * len(texts), np.float32)


def test_an_embedder_that_reads_queries_otherwise_is_told_which_they_are() -> None:
    embedding = EmbedderCalls(TellsApart())
    assert embedding.of_query(["text"]).tolist() == [[0.0, 1.0]]
    assert embedding.embed(["text"]).tolist() == [[1.0, 0.0]]
    assert embedding.embed_behind(["text"]).tolist() == [[1.0, 0.0]]
