"""A second language has a place: search asks the analyzer's language for all that is not words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from memos.language.analysis import index_memory, slot_term, standing_term
from memos.language.analyzer import LANGUAGE, Analyzer
from memos.language.english.language import ENGLISH
from memos.language.indexed_text import FURTHER, INSTRUCTS, TIMED, Readable
from memos.language.port import Claim, Request, Slot, Window
from memos.operation.search.dense import first_person
from memos.operation.search.query import analyse_query

KEY = bytes(32)
MAY = 1_683_500_000_000_000  # 7 May 2023 in UTC, microseconds since 1970


class German:
    """A few words of German."""

    stemmer = "german"
    stop_words = frozenset({"und", "ist"})
    clitics = ("n",)
    turning_words = frozenset({"nicht"})
    abandoned_attributes = frozenset({"Wohnort"})

    def request(self, query: str) -> Request:
        return Request(asks_assistant="du" in query.split())

    def standing(self, text: str) -> int:
        return INSTRUCTS if text.startswith("Immer") else 0

    def traits(self, text: str) -> int:
        return TIMED if "gestern" in text else 0

    def day_words(self, day: date) -> str:
        return f"{day.day}. {['Mai'][day.month - 5]} {day.year}"

    def question_kind(self, query: str) -> str:
        return "when" if query.startswith("Wann") else ""

    def windows(self, query: str, now: int) -> tuple[Window, ...]:
        return (Window(now - 1, now, "gestern"),) if "gestern" in query else ()

    def first_person(self, query: str, is_speaker: Callable[[str], bool]) -> str:
        return " ".join("ich" if is_speaker(word) else word for word in query.split())

    def claims(self, text: str, speaker: str = "") -> list[Claim]:
        return [Claim("ana", "wohnort", "", "wien")] if "wohnt" in text else []

    def subject_of(self, name: str) -> str:
        return name.lower()

    def asked_slot(self, query: str) -> Slot | None:
        return Slot("ana", ("wohnort",)) if query.startswith("Wo ") else None

    def sentence_of(self, claim: Claim) -> str:
        return f"{claim.subject} wohnt in {claim.new}."


ANALYZER = Analyzer(KEY, German())


def readable(text: str, valid_from: int | None = None) -> Readable:
    return Readable(text, [], None, valid_from, None, 0)


def test_english_is_the_language_where_none_is_given() -> None:
    assert Analyzer(KEY).language is LANGUAGE is ENGLISH


def test_a_text_is_indexed_by_the_rules_of_its_language() -> None:
    indexed = index_memory(ANALYZER, readable("Ana wohnt und Hund Hunden gestern", MAY))
    assert indexed.place.traits & TIMED
    assert indexed.length == 8  # the stop word counts for nothing, the day counts three words
    assert indexed.terms[ANALYZER.word_term("hund")] == 2  # one stem
    assert ANALYZER.word_term("mai") in indexed.terms
    assert indexed.terms[slot_term(ANALYZER, "ana", "wohnort", "")] == 0


def test_what_is_wanted_always_is_matched_and_never_ranked() -> None:
    indexed = index_memory(ANALYZER, readable("Immer kurz"))
    assert indexed.terms[standing_term(ANALYZER, INSTRUCTS)] == 0
    assert standing_term(ANALYZER, INSTRUCTS) not in index_memory(ANALYZER, readable("Kurz")).terms


def test_what_releases_up_to_0_1_gave_stands_first_and_as_they_gave_it() -> None:
    terms = list(index_memory(ANALYZER, readable("Łódź wohnt C++ +49 170 1234567")).terms.items())
    then = ["łodz", "wohnt", "c", "49", "170", "1234567"]
    assert terms[:6] == [(ANALYZER.word_term(word), 1) for word in then]
    assert terms[6] == (slot_term(ANALYZER, "ana", "wohnort", ""), 0)
    assert terms[7] == (FURTHER, 0)
    assert (ANALYZER.word_term("lodz"), 1) in terms[8:]
    assert FURTHER not in index_memory(ANALYZER, readable("Plain words.")).terms


def test_a_day_beyond_the_calendar_has_no_words() -> None:
    assert index_memory(ANALYZER, readable("Ana", 2**62)).length == 1


def test_a_query_is_read_by_the_rules_of_its_language() -> None:
    query = analyse_query(ANALYZER, "Wann hast du gestern gesagt", 5)
    assert query.request.asks_assistant
    assert query.question.kind == "when"
    assert query.question.windows == (Window(4, 5, "gestern"),)
    assert not analyse_query(ANALYZER, "what did you say", 5).request.asks_assistant


def test_a_clitic_of_the_language_is_no_part_of_a_word() -> None:
    assert ANALYZER.words("so'n Hund she's") == ["so", "hund", "she", "s"]


def test_speakers_are_named_to_the_language_as_the_query_writes_them() -> None:
    speakers = frozenset([ANALYZER.exact_term("speaker", "ana")])
    assert first_person("Wo wohnt Ana", ANALYZER, speakers) == "Wo wohnt ich"
    assert first_person("Wo wohnt Ana", ANALYZER, frozenset()) == "Wo wohnt Ana"
