from __future__ import annotations

import pytest

from memos.infrastructure.index.port import COUNTED, TIMED
from memos.operation.english.traits import traits_of
from memos.operation.search.question import holds_phrase, read_question


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("When did Ana go?", "when"),
        ("Which year was it?", "when"),
        ("How long ago was that?", "when"),
        ("How many dogs has she?", "count"),
        ("Where does she live?", "where"),
        ("Which city is it?", "where"),
        ("To whom did she write?", "who"),
        ("Why?", "why"),
        ("How did it go?", "how"),
        ("What is it?", "what"),
        ("pottery in Sweden", ""),
    ],
)
def test_the_kind_of_a_question_is_that_of_its_first_word(text: str, kind: str) -> None:
    assert read_question(text, 0).kind == kind


def test_a_question_asks_and_words_do_not() -> None:
    assert read_question("Would she like it?", 0).asks
    assert read_question("who is it", 0).asks
    assert not read_question("pottery in Sweden", 0).asks


@pytest.mark.parametrize("text", ['"to be" or', "“To Be” or", "«to be»", "「to be」"])
def test_phrases_in_double_quotes_are_read_folded(text: str) -> None:
    assert read_question(text, 0).phrases == (("to", "be"),)


@pytest.mark.parametrize("text", ["Ana's dogs' bowl", '""', '" "', 'an open " quote'])
def test_what_quotes_no_words_has_no_phrases(text: str) -> None:
    assert read_question(text, 0).phrases == ()


def test_a_phrase_is_held_where_its_words_stand_together_in_order() -> None:
    assert holds_phrase("He said: “To BE, or not”", ("to", "be"))
    assert not holds_phrase("be to be not", ("be", "not", "to"))
    assert not holds_phrase("to really be", ("to", "be"))
    assert holds_phrase("北京大学很大", ("京大", "大学"))
    assert holds_phrase("北京大学", ("京",))


def test_texts_that_speak_of_times_and_numbers_are_known() -> None:
    assert traits_of("I went yesterday.") == TIMED
    assert traits_of("In March, we sang.") == TIMED
    assert traits_of("We march on.") == 0
    assert traits_of("She has two dogs.") == COUNTED
    assert traits_of("It was 3 weeks ago.") == TIMED | COUNTED
    assert traits_of("") == 0
