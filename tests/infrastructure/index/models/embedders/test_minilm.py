from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from memos import EmbeddingFailed
from memos.infrastructure.index.models.embedders.minilm import PACKAGE, WEIGHTS_SHA256, MiniLM

installed = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason="the weights are not installed"
)


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM()


@installed
def test_vectors_are_those_of_sentence_transformers(minilm: MiniLM) -> None:
    # Computed with sentence-transformers 5 and PyTorch 2 on these weights.
    vectors = minilm.embed(["a man is eating food", "someone eats a meal", "the sky is blue"])
    assert vectors[0, :4] == pytest.approx([0.034048, 0.000727, -0.000236, 0.046844], abs=1e-5)
    assert vectors @ vectors[0] == pytest.approx([1, 0.749956, -0.005727], abs=1e-5)


@installed
def test_a_text_has_one_vector_in_whatever_company(minilm: MiniLM) -> None:
    texts = ["", "Short.", "a much longer text " * 40, "naïve 北京 🙂", "\ud800 half a pair"[1:]]
    together = minilm.embed(texts)
    assert together.shape == (5, 384)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    for text, vector in zip(texts, together, strict=True):
        assert minilm.embed([text])[0] == pytest.approx(vector, abs=1e-5)


@installed
def test_its_identity_is_the_digest_of_its_weights(minilm: MiniLM) -> None:
    assert minilm.digest.hex() == WEIGHTS_SHA256


def test_other_weights_and_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingFailed, match="pip install"):
        MiniLM(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(EmbeddingFailed, match=r"other weights|cannot be loaded"):
        MiniLM(tmp_path)
