"""Which of a batch's memories a model refuses, and when it is the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from memos.infrastructure.index.models.embedders.each import KNOWN_GOOD, RefusedText, embed_each
from memos.infrastructure.index.models.embedders.port import Vectors
from memos.kernel.errors import EmbedderUnavailable, EmbeddingFailed


class Model:
    """Gives a text's length as its vector; refuses some texts, some of them a few times."""

    def __init__(self, refused: dict[str, int], error: type[EmbeddingFailed] = EmbeddingFailed):
        self.refused, self.error = refused, error
        self.calls = 0

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.calls += 1
        for text in texts:
            if self.refused.get(text, 0) > 0:
                self.refused[text] -= 1
                raise self.error(f"{text} is refused")
        return np.array([[len(text)] for text in texts], np.float32)


def lengths(answers: Sequence[Vectors | RefusedText]) -> list[object]:
    return [a if isinstance(a, RefusedText) else a[:, 0].tolist() for a in answers]


ALWAYS = 100
MEMORIES = [["a", "bb"], ["poison", "fine"], ["ccc"]]


def test_a_batch_that_is_taken_is_asked_for_once() -> None:
    model = Model({})
    assert lengths(embed_each(model, MEMORIES)) == [[1, 2], [6, 4], [3]]
    assert model.calls == 1


def test_the_one_memory_that_is_refused_is_named() -> None:
    answers = lengths(embed_each(Model({"poison": ALWAYS}), MEMORIES))
    assert answers == [[1, 2], RefusedText("EmbeddingFailed"), [3]]


def test_a_memory_that_is_refused_once_is_not_set_aside() -> None:
    assert lengths(embed_each(Model({"poison": 2}), MEMORIES)) == [[1, 2], [6, 4], [3]]


def test_a_model_that_fails_at_a_good_text_fails() -> None:
    refused = {"poison": ALWAYS, KNOWN_GOOD: 1}
    with pytest.raises(EmbeddingFailed, match=KNOWN_GOOD):
        embed_each(Model(refused), MEMORIES)


def test_a_model_that_goes_away_between_two_tries_fails() -> None:
    class Going(Model):
        def __call__(self, texts: Sequence[str]) -> Vectors:
            if self.calls >= 4:
                raise EmbeddingFailed("it is gone")
            return super().__call__(texts)

    with pytest.raises(EmbeddingFailed, match="gone"):
        embed_each(Going({"poison": ALWAYS}), [["poison"], ["a"]])


def test_a_model_that_is_away_is_asked_once() -> None:
    model = Model({"poison": ALWAYS}, EmbedderUnavailable)
    with pytest.raises(EmbedderUnavailable):
        embed_each(model, MEMORIES)
    assert model.calls == 1
