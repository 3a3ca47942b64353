from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memos.infrastructure.index.port import SpanChange, View
from memos.language.analyzer import Analyzer
from memos.operation.cube import MemCube
from memos.operation.search.phrases import (
    MOST_OPENED,
    holds_phrase,
    holds_phrases,
    rows_holding,
    rows_with_words,
)
from tests.infrastructure.index.sqlite.support import Vault, cube_id
from tests.operation.memories import memory

ANALYZER = Analyzer(bytes(32))
TEXTS = ["To be, or not.", "Be to me.", "To be erased.", "Silence."]
TO_BE = ("to", "be")


@pytest.fixture
def view(tmp_path: Path) -> View:
    vault = Vault(tmp_path / "index.db")
    vault.apply(
        *(
            SpanChange(cube_id(n), "acme", n, 1, 1, 0, ANALYZER.index_terms(text))
            for n, text in enumerate(TEXTS)
        )
    )
    return vault.index.view("acme", None)


def memory_of(row: int) -> MemCube | None:
    return None if row == 2 else memory(TEXTS[row])


def holds(text: str, phrase: tuple[str, ...]) -> bool:
    return holds_phrase(ANALYZER.tokenize(text), phrase)


def test_a_phrase_is_held_where_its_words_stand_together_in_order() -> None:
    assert holds("He said: “To BE, or not”", ("to", "be"))
    assert not holds("be to be not", ("be", "not", "to"))
    assert not holds("to really be", ("to", "be"))
    assert holds("北京大学很大", ("京大", "大学"))
    assert holds("北京大学", ("京",))


def test_a_caption_holds_a_phrase_as_a_text_does() -> None:
    assert holds_phrases(ANALYZER, memory("Look!", {"caption": "a place to be"}), [TO_BE])
    assert not holds_phrases(ANALYZER, memory("To be."), [TO_BE, ("or", "not")])
    assert holds_phrases(ANALYZER, memory("Silence."), [])


def test_the_index_finds_who_has_the_words_in_any_order(view: View) -> None:
    assert rows_with_words(view, ANALYZER, [TO_BE]).tolist() == [True, True, True, False]
    assert rows_with_words(view, ANALYZER, [TO_BE, ("not",)]).tolist() == [True] + [False] * 3


def test_the_texts_tell_who_holds_the_phrase_and_the_erased_hold_none(view: View) -> None:
    having = rows_with_words(view, ANALYZER, [TO_BE])
    holding = rows_holding(memory_of, ANALYZER, having, [TO_BE])
    assert holding is not None
    assert holding.tolist() == [True, False, False, False]


def test_where_very_many_have_the_words_no_text_is_opened() -> None:
    having = np.ones(MOST_OPENED + 1, np.bool_)
    assert rows_holding(lambda row: pytest.fail("opened"), ANALYZER, having, [TO_BE]) is None
