from __future__ import annotations

import pytest

from memos.language.analyzer import Analyzer
from memos.language.port import LONGEST_QUERY
from memos.language.sentences import ends_as_question
from memos.operation.search.question import Question, read_question

ANALYZER = Analyzer(bytes(32))


def question(text: str) -> Question:
    return read_question(ANALYZER, text, 0)


def test_the_kind_of_a_question_is_read_from_as_much_as_is_looked_at() -> None:
    assert question("When did Ana go?").kind == "when"
    assert question(f"{'x' * LONGEST_QUERY} when?").kind == ""


def test_a_question_asks_and_words_do_not() -> None:
    assert question("Would she like it?").asks
    assert question("who is it").asks
    assert not question("pottery in Sweden").asks


@pytest.mark.parametrize("text", ['"to be" or', "“To Be” or", "«to be»", "「to be」"])
def test_phrases_in_double_quotes_are_read_folded(text: str) -> None:
    assert question(text).phrases == (("to", "be"),)


@pytest.mark.parametrize(
    "text",
    [
        "Ana's dogs' bowl",
        '""',
        '" "',
        'an open " quote',
        '27" monitor vs 32" monitor',
        'a 5" x 7" print',
    ],
)
def test_what_quotes_no_words_has_no_phrases(text: str) -> None:
    assert question(text).phrases == ()


@pytest.mark.parametrize("text", ["Is it?", "Is it? ", "是吗？", "هل هو؟"])
def test_a_question_mark_of_any_script_ends_a_question(text: str) -> None:
    assert ends_as_question(text)
    assert question(text).asks
    assert not ends_as_question(f"{text} No.")
