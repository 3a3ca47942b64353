from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.peers_finders import FINDERS, Bm25, Finder, MemosLexical, Session, told
from benchmarks.peers_retrieval import chosen
from benchmarks.peers_retrieval_worker import measure
from tests.benchmarks.test_locomo import sample

AT = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


def test_a_store_without_fields_is_told_day_speaker_words_and_picture() -> None:
    turn = {"id": "D1:1", "speaker": "Ada", "text": "Look.", "caption": "a cracked kiln"}
    assert told(turn, AT) == "(08 May 2023) Ada: Look. [image: a cracked kiln]"
    assert told({"id": "x", "speaker": "Ben", "text": "Oh."}, None) == "Ben: Oh."


def test_only_the_conversations_that_are_named_are_asked() -> None:
    data = json.dumps([sample(), {**sample(), "sample_id": "conv-2"}]).encode()
    assert [each.name for each in chosen(data, [1])] == ["conv-2"]
    assert [each.name for each in chosen(data, None)] == ["conv-1", "conv-2"]


@pytest.mark.parametrize("finder", [MemosLexical, Bm25])
def test_a_store_takes_in_every_turn_and_answers_every_question(
    tmp_path: Path, finder: type[Finder]
) -> None:
    if finder is Bm25:
        pytest.importorskip("tantivy")
    (conversation,) = chosen(json.dumps([sample()]).encode(), None)
    answer = measure(finder(tmp_path), [conversation])
    assert len(answer["add"]) == len(conversation.sessions)
    assert len(answer["search"]) == len(conversation.questions)
    assert answer["found"].keys() == {"conv-1/q0", "conv-1/q1"}
    assert "D1:1" in finder_of(tmp_path / "again", finder).find("c", "What cracked?", 2)


def finder_of(directory: Path, finder: type[Finder]) -> Finder:
    directory.mkdir()
    made = finder(directory)
    turns = [
        {"id": "D1:1", "speaker": "Ada", "text": "The kiln cracked."},
        {"id": "D1:2", "speaker": "Ben", "text": "What a pity."},
    ]
    made.add("c", Session("1", AT, turns))
    made.ready()
    return made


def test_every_store_says_how_it_was_set_up() -> None:
    assert all(finder.setting and finder.facts for finder in FINDERS.values())
    assert [name for name in FINDERS if name.startswith("MemOS")]
