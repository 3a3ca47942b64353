"""English keeps what `Language` asks of any language."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import Stemmer

from memos.language.english.language import ENGLISH
from memos.language.indexed_text import COUNTED, TIMED
from memos.language.letters import fold
from memos.language.port import SELF, Claim, Slot

NOW = int(datetime(2023, 8, 17, 12, tzinfo=UTC).timestamp()) * 1_000_000


def test_its_stemmer_is_one_that_snowball_has() -> None:
    assert ENGLISH.stemmer in Stemmer.algorithms()


def test_its_words_are_folded() -> None:
    for words in (ENGLISH.stop_words, ENGLISH.turning_words, ENGLISH.clitics):
        assert words
        assert all(fold(word) == word for word in words)


def test_it_reads_what_a_text_speaks_of() -> None:
    assert ENGLISH.traits("Two weeks ago.") == TIMED | COUNTED


def test_it_writes_a_day() -> None:
    assert ENGLISH.day_words(date(2023, 5, 8)) == "8 May 2023"


def test_it_reads_a_query() -> None:
    query = "Where does Ana live this year?"
    assert ENGLISH.question_kind(query) == "where"
    assert [window.phrase for window in ENGLISH.windows(query, NOW)] == ["this year"]
    assert ENGLISH.first_person(query, "Ana".__eq__) == "Where does I live this year?"
    assert ENGLISH.asked_slot("Where does Ana live?") == Slot("ana", ("residence",))
    assert ENGLISH.asked_slot("Tell me a story.") is None


def test_a_claim_is_of_the_subject_that_its_speaker_is() -> None:
    assert ENGLISH.subject_of("Ana Núñez") == "ana"
    assert ENGLISH.subject_of("user") == SELF
    assert ENGLISH.subject_of("") == ""
    (claim,) = ENGLISH.claims("I live in Hove.", "Ana Núñez")
    assert claim == Claim("ana", "residence", "", "hove")


@pytest.mark.parametrize("attribute", sorted(ENGLISH.abandoned_attributes))
def test_what_may_be_left_unnamed_is_an_attribute_that_can_be_asked_for(attribute: str) -> None:
    assert ENGLISH.asked_slot(f"What is Ana's {attribute}?") == Slot("ana", (attribute,))


@pytest.mark.parametrize(
    "text",
    ["Ana lives in Hove.", "My work phone is 5.", "Owen's favourite colour is teal."],
)
def test_a_sentence_of_a_claim_claims_the_same(text: str) -> None:
    (claim,) = ENGLISH.claims(text, "")
    assert ENGLISH.claims(ENGLISH.sentence_of(claim), "") == [claim]


@pytest.mark.parametrize(
    "claim",
    [
        Claim("ana", "employer", "", "", "the mill"),
        Claim("ana", "", "", "polar freight", "tern airways"),
        Claim("owen", "verb:volunteer", "", "shelter"),
    ],
)
def test_what_no_sentence_can_say_plainly_is_left_unsaid(claim: Claim) -> None:
    assert ENGLISH.sentence_of(claim) == ""
