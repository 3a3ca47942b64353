from __future__ import annotations

from memos.language.sentences import MOST_SENTENCES, sentences_to_embed, split_sentences


def test_sentences_end_where_marks_and_lines_do() -> None:
    text = " One is 3.14. Two?  Three!\n\nFour… 五。六！Seven "
    assert split_sentences(text) == [
        "One is 3.14.", "Two?", "Three!", "Four…", "五。", "六！", "Seven",
    ]  # fmt: skip
    assert split_sentences(" \n ") == []


def test_a_short_sentence_goes_with_its_neighbour() -> None:
    assert sentences_to_embed("Oh no! I lost my dog. Thanks.") == ["Oh no! I lost my dog. Thanks."]
    assert sentences_to_embed("We met in May. It was warm.") == ["We met in May.", "It was warm."]
    assert sentences_to_embed("Hi!") == ["Hi!"]
    assert sentences_to_embed("") == []


def test_very_many_sentences_are_joined_into_as_many_as_are_kept() -> None:
    sentences = [f"This is sentence number {n}." for n in range(MOST_SENTENCES + 1)]
    parts = sentences_to_embed(" ".join(sentences))
    assert len(parts) <= MOST_SENTENCES
    assert " ".join(parts) == " ".join(sentences)
