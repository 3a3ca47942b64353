from __future__ import annotations

import pytest

from memos.language.slips import near_spellings


@pytest.mark.parametrize("slip", ["kowalzcyk", "kowalcyk", "kowwalczyk", "kovalczyk", "kowalczykk"])
def test_one_slip_leads_back_to_the_word(slip: str) -> None:
    assert "kowalczyk" in near_spellings(slip)


def test_a_slip_of_another_alphabet_is_mended_in_its_letters() -> None:
    assert "москва" in near_spellings("мосва")
    assert "αθηνα" in near_spellings("αθυνα")


@pytest.mark.parametrize("word", ["dog", "1234567", "abc12", "x" * 30])
def test_what_is_short_or_no_word_is_not_mended(word: str) -> None:
    assert list(near_spellings(word)) == []
