"""What a query is beyond its words, from end to end: phrases, times, the kind of question."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memos import Memory

SCOPE = "acme"
NOW = int(datetime(2023, 8, 17, 12, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture
def memory(vault: Path) -> Iterator[Memory]:
    with Memory(vault, actor="agent:alice", clock=lambda: NOW) as opened:
        yield opened


def texts(memory: Memory, query: str, **options: object) -> list[str]:
    return [hit.text for hit in memory.search(query, scope=SCOPE, **options)]  # type: ignore[arg-type]


def test_words_with_a_quoted_phrase_find_only_what_holds_it(memory: Memory) -> None:
    for text in ("To be or not to be.", "Be to not or be to.", "not to be"):
        memory.add(text, scope=SCOPE)
    assert set(texts(memory, '"to be"')) == {"To be or not to be.", "not to be"}
    assert texts(memory, '"or not to be"') == ["To be or not to be."]
    assert texts(memory, '"to be" "or not"') == ["To be or not to be."]
    unfound = memory.search('"be or to"', scope=SCOPE)
    assert unfound.explain["phrases_not_found"] == ["be or to"]
    assert len(unfound) == 3  # it is told, and the rest is shown
    assert len(texts(memory, '"be or to"', recipe="bm25")) == 3


def test_a_question_that_quotes_prefers_what_holds_it_and_keeps_the_rest(memory: Memory) -> None:
    for text in ("Women are little known there.", "I read little women.", "She read Emma."):
        memory.add(text, scope=SCOPE)
    hits = memory.search('Who read "Little Women"?', scope=SCOPE)
    assert hits[0].text == "I read little women."
    assert hits[0].explain["phrase"] == {"held": True}
    assert {hit.text for hit in hits[1:]} == {"Women are little known there.", "She read Emma."}


def test_a_phrase_in_a_script_without_spaces_is_found(memory: Memory) -> None:
    for text in ("北京大学很大", "大学在北京"):
        memory.add(text, scope=SCOPE)
    assert texts(memory, '"北京大学"') == ["北京大学很大"]


def test_a_phrase_shows_nothing_of_what_may_not_be_read(vault: Path, memory: Memory) -> None:
    memory.add("the secret word is kiln", scope=SCOPE, readers=["agent:alice"])
    with Memory(vault, actor="agent:bob") as other:
        assert other.search('"secret word"', scope=SCOPE) == []


def said(memory: Memory, text: str, at: str) -> None:
    memory.add_conversation([{"text": text, "speaker": "Ana"}], scope=SCOPE, session=at, at=at)


def test_texts_of_the_time_that_is_named_come_first_and_are_reached_by_it_alone(
    memory: Memory,
) -> None:
    said(memory, "We sang all night.", "2022-07-10T00:00:00Z")
    said(memory, "We sang all day.", "2023-01-10T00:00:00Z")
    said(memory, "A violin came.", "2022-08-01T00:00:00Z")
    hits = memory.search("Who sang last summer?", scope=SCOPE)
    assert hits[0].text == "We sang all night."
    assert hits[0].explain["window"] == {"named": ["last summer"], "near": 1.0}
    assert {hit.text for hit in memory.search("what last summer", scope=SCOPE)} >= {
        "We sang all night.", "A violin came.",
    }  # fmt: skip


def test_relative_dates_are_relative_to_the_time_that_is_asked_for(memory: Memory) -> None:
    for text, at in (("kiln one", "2021-07-10"), ("kiln two", "2022-07-10")):
        memory.add(text, scope=SCOPE, valid_from=at)
    assert texts(memory, "kiln last summer")[0] == "kiln two"
    then = memory.search("kiln last summer", scope=SCOPE, valid_at="2022-08-17")
    assert then[0].text == "kiln one"


def test_a_fact_that_held_in_the_window_is_in_it(memory: Memory) -> None:
    memory.add("Ana had the kiln", scope=SCOPE, valid_from="2019-01-01", valid_until="2023-08-18")
    memory.add("Ben had the kiln", scope=SCOPE, valid_from="2022-01-01", valid_until="2022-02-01")
    hits = memory.search("the kiln in May 2020", scope=SCOPE)
    assert [hit.explain["window"]["near"] for hit in hits] == [1.0, 0.0]


def test_when_prefers_texts_with_a_time_and_how_many_texts_with_a_number(memory: Memory) -> None:
    for text in ("Ana got dogs somehow", "Ana got dogs yesterday", "Ana got dogs, six"):
        memory.add(text, scope=SCOPE)
    assert texts(memory, "When did Ana get dogs?")[0] == "Ana got dogs yesterday"
    hits = memory.search("How many dogs did Ana get?", scope=SCOPE)
    assert hits[0].text == "Ana got dogs, six"
    assert hits[0].explain["answer"] == {"asked": "count", "has": True}


def test_no_stage_of_the_question_runs_in_plain_bm25(memory: Memory) -> None:
    said(memory, "A violin came.", "2022-08-01T00:00:00Z")
    hits = memory.search("When did the violin come last summer?", scope=SCOPE, recipe="bm25")
    assert hits[0].explain.keys().isdisjoint({"window", "answer", "phrase"})
