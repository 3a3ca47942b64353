from __future__ import annotations

import pytest

from memos.language.analyzer import Analyzer
from memos.language.sentences import MOST_SENTENCES, texts_to_embed
from memos.operation.search.dense import first_person

ANALYZER = Analyzer(bytes(32))
SPEAKERS = frozenset(ANALYZER.exact_term("speaker", name) for name in ("caroline", "jose"))


def embedded(text: str, caption: str = "") -> list[str]:
    return texts_to_embed(text, caption)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("When did Caroline go?", "When did I go?"),
        ("What is Caroline's dog called?", "What is my dog called?"),
        ("What is CAROLINE’s dog, José?", "What is my dog, I?"),
        ("Did Carolines or Melanie go?", "Did Carolines or Melanie go?"),
    ],
)
def test_speakers_in_a_query_speak_for_themselves(asked: str, said: str) -> None:
    assert first_person(asked, ANALYZER, SPEAKERS) == said


def test_a_text_is_embedded_whole_and_by_sentence() -> None:
    whole = "Oh no! I lost my dog. Have you seen him? Thanks."
    assert embedded(whole) == [
        whole, "Oh no! I lost my dog.", "Have you seen him? Thanks.",
    ]  # fmt: skip


def test_a_text_of_one_sentence_is_embedded_once_and_an_empty_one_never() -> None:
    assert embedded("I lost my dog.") == ["I lost my dog."]
    assert embedded("Hi!") == ["Hi!"]
    assert embedded(" ") == []


def test_a_caption_is_a_sentence_of_its_own() -> None:
    assert embedded("Look at this one!", "a dog") == [
        "Look at this one! [image: a dog]", "Look at this one!", "[image: a dog]",
    ]  # fmt: skip
    assert embedded("", "a dog") == ["[image: a dog]"]


def test_a_text_of_very_many_sentences_is_cut_in_stretches_and_loses_nothing() -> None:
    text = " ".join(f"This is sentence number {n}." for n in range(500))
    parts = embedded(text)
    assert parts[0] == text
    assert len(parts) <= 1 + MOST_SENTENCES
    assert " ".join(parts[1:]) == text
