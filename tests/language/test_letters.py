from __future__ import annotations

import pytest

from memos.language.letters import fold, plain_letters
from memos.language.spellings import letter_spellings


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("CAFÉ", "cafe"),
        ("ﬁne", "fine"),
        ("Straße", "strasse"),
        ("Ana’s ʼn ＇x", "ana's 'n 'x"),
        ("Άθήνα", "αθηνα"),
        ("हिन्दी", "हिन्दी"),
        ("", ""),
    ],
)
def test_what_parts_no_two_words_is_taken_out(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_folding_twice_changes_nothing() -> None:
    once = fold("ÉCOLE ’ ｶﾞｽ İ")
    assert fold(once) == once


@pytest.mark.parametrize(
    "name", ["łukasz", "ludmiła", "małgorzata", "søren", "đorđe", "þórður", "æsa", "œdipe", "işıl"]
)
def test_a_name_has_one_set_of_spellings_with_and_without_its_letters(name: str) -> None:
    folded = fold(name)
    plain = plain_letters(folded)
    assert plain.isascii()
    assert {folded, plain} <= letter_spellings(plain)
    assert {folded, plain} <= letter_spellings(folded)


def test_a_long_word_has_few_spellings() -> None:
    assert len(letter_spellings("lo" * 500 + "ththth")) < 200
    assert letter_spellings("emma") == {"emma"}
