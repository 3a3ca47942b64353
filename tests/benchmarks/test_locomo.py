from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.locomo import evidence_ids, load, main, session_time


def sample() -> dict[str, Any]:
    return {
        "sample_id": "conv-1",
        "conversation": {
            "speaker_a": "Ada",
            "speaker_b": "Ben",
            "session_2_date_time": "12:05 am on 1 June, 2023",
            "session_2": [{"speaker": "Ben", "dia_id": "D2:1", "text": "The kiln is repaired."}],
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {
                    "speaker": "Ada",
                    "dia_id": "D1:1",
                    "text": "Look at this.",
                    "blip_caption": "a photo of a cracked kiln",
                    "query": "zebra",
                    "img_url": ["https://example.org/kiln.jpg"],
                },
                {"speaker": "Ben", "dia_id": "D1:2", "text": "What a pity."},
            ],
            "session_3_date_time": "2:00 pm on 8 June, 2023",
        },
        "observation": {"session_1_observation": {"Ada": [["zebra", "D1:1"]]}},
        "session_summary": {"session_1_summary": "zebra"},
        "event_summary": {"events_session_1": {"Ada": ["zebra"]}},
        "qa": [
            {"question": "What cracked?", "answer": "kiln", "category": 4, "evidence": ["D1:1"]},
            {"question": "Which?", "category": 1, "evidence": ["D1:2; D2:1", "D9:9"]},
            {"question": "Lost?", "category": 5, "evidence": ["D"], "adversarial_answer": "x"},
        ],
    }


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "locomo.json"
    file.write_text(json.dumps([sample(), {**sample(), "sample_id": "conv-2"}]))
    return file


@pytest.mark.parametrize(
    "evidence",
    [["D8:6; D9:17"], ["D8:6,D9:17"], ["D8:6 D9:17"], ["D8:6", "D9:17", "D"], [";D8:6 ;D9:17"]],
)
def test_evidence_is_split_and_unknown_ids_are_dropped(evidence: list[str]) -> None:
    assert evidence_ids(evidence, ["D8:6", "D9:17", "D1:1"]) == {"D8:6", "D9:17"}


def test_session_times_are_read_around_noon_and_midnight() -> None:
    assert session_time("1:56 pm on 8 May, 2023") == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert session_time("12:05 am on 1 June, 2023") == datetime(2023, 6, 1, 0, 5, tzinfo=UTC)


def test_sessions_come_in_order_and_dates_without_a_session_are_ignored(data: Path) -> None:
    first, _ = load(data.read_bytes())
    assert [session.name for session in first.sessions] == ["1", "2"]
    assert [turn["id"] for session in first.sessions for turn in session.turns] == [
        "D1:1",
        "D1:2",
        "D2:1",
    ]


def test_nothing_made_from_the_answers_is_taken_in(data: Path) -> None:
    for conversation in load(data.read_bytes()):
        turns = [turn for session in conversation.sessions for turn in session.turns]
        assert turns[0].keys() == {"id", "speaker", "text", "caption"}
        assert "zebra" not in str(turns)


def test_a_question_without_evidence_is_skipped_and_counted(data: Path) -> None:
    first, _ = load(data.read_bytes())
    assert [question.name for question in first.questions] == ["q0", "q1"]
    assert first.skipped == 1


def test_at_session_level_the_gold_is_sessions(data: Path) -> None:
    first, _ = load(data.read_bytes(), "session")
    assert [question.gold for question in first.questions] == [{"1"}, {"1", "2"}]


def test_the_program_keeps_ranks_and_figures_of_what_it_was_asked(
    data: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.json"
    given = ["--data", str(data), "--conversations", "1", "--twice", "--json", str(kept)]
    assert main(given) == 0
    found = json.loads(kept.read_text())
    assert found["conversations"] == ["conv-2"]
    assert found["figures"]["n 1-4"] == 2
    assert [question["gold"] for question in found["questions"]] == [1, 2]
    assert str(tmp_path) not in kept.read_text()
    assert "cracked?" not in kept.read_text()
