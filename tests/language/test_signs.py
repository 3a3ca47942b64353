from __future__ import annotations

import pytest

from memos.language.english.language import ENGLISH
from memos.language.signs import NO_SIGNS, Signs, number_keys, signs_of


def signs(text: str) -> Signs:
    return signs_of(text, ENGLISH.stop_words)


@pytest.mark.parametrize(
    ("text", "signed"),
    [
        ("C++ and C#, .NET and Disney+", ("c++", "c#", ".net", "disney+")),
        ("an O- donor, AB+ too", ("o-", "ab+")),
        ("1+1, well-known, b2b, #tag, e-mail -", ()),
    ],
)
def test_a_sign_that_makes_another_word_stays_with_it(text: str, signed: tuple[str, ...]) -> None:
    assert signs(text).signed == signed


def test_a_capital_that_names_a_type_is_a_word_and_an_article_is_none() -> None:
    assert signs("blood type O, plan A").words == ("o", "a")
    assert signs("A dog. Then I saw a cat. Mr. O'Brien").words == ()


def test_accents_part_a_word_from_a_stop_word_and_umlauts_are_written_out() -> None:
    assert signs("thé vert").words == ("the",)
    assert signs("Müller").spelt_out == (("muller", "mueller"),)


def test_flags_and_signs_of_any_block_are_pictures() -> None:
    assert signs("🇩🇪🇫🇷 ⭐ € $5").pictures == ("🇩🇪", "🇫🇷", "⭐", "€", "$")
    assert signs("👍🏽").pictures == ("👍",)


@pytest.mark.parametrize(
    "text", ["(555) 123-4567", "555.123.4567", "5551234567", "555 123 4567", "٥٥٥ ١٢٣ ٤٥٦٧"]
)
def test_a_number_is_the_same_however_it_is_grouped(text: str) -> None:
    assert signs(f"call {text} now").numbers == ("5551234567",)


def test_a_number_is_also_known_by_its_last_digits() -> None:
    assert number_keys("491701234567") == ("491701234567", "1234567")
    assert number_keys("1234567") == ("1234567",)


def test_plain_words_have_no_signs() -> None:
    assert signs("She likes the red pottery, and 12 dogs.").numbers == ()
    assert signs("She likes the red pottery.") is NO_SIGNS


@pytest.mark.parametrize("piece", ["1 ", "a+", "A ", "555 ", ". ", "é", "🇩🇪", "(1"])
def test_a_megabyte_of_anything_is_read_at_once(piece: str) -> None:
    signs(piece * (1_000_000 // len(piece)))
