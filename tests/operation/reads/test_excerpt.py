from __future__ import annotations

import pytest

from memos.operation.reads.excerpt import excerpt

FILLER = "It rains again today. " * 200


def test_a_short_text_stays_whole() -> None:
    assert excerpt("She likes pottery.", "pottery", 100) == "She likes pottery."


def test_the_stretch_with_most_of_the_words_is_taken_in_whole_sentences() -> None:
    text = f"Pottery. {FILLER}She sells pottery at the market. He runs. {FILLER}"
    part = excerpt(text, "Who sells pots at markets?", 90)
    assert "She sells pottery at the market." in part
    assert part.endswith(".")
    assert len(part) <= 90


def test_where_no_word_is_found_it_is_the_beginning() -> None:
    assert excerpt(f"First. {FILLER}", "zebra", 40) == "First. It rains again today."


@pytest.mark.parametrize("text", ["x" * 5000, "日本語" * 2000, "\n" * 3000 + "end of it"])
def test_a_text_without_sentences_is_cut(text: str) -> None:
    part = excerpt(text, "end of it", 50)
    assert part
    assert len(part) <= 50
