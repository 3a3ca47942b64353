from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.beam import load, main, moment, sessions_of, source_ids


def message(number: int, role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "id": number, "content": content, **more}


def batches() -> list[dict[str, Any]]:
    return [
        {
            "batch_number": 1,
            "time_anchor": None,
            "turns": [
                [
                    message(0, "user", "My parser drops commas.", time_anchor="March-15-2024"),
                    message(1, "assistant", "Quote the fields that hold commas."),
                ],
                [message(2, "user", "The deadline is Friday.")],
            ],
        },
        {
            "batch_number": 2,
            "time_anchor": "April-02-2024",
            "turns": [[message(3, "user", "The deadline moved to Monday.")]],
        },
    ]


QUESTIONS = {
    "abstention": [{"question": "Who is my doctor?"}],
    "knowledge_update": [
        {"question": "When is the deadline?", "source_chat_ids": {"old": [2], "new": [3]}}
    ],
    "information_extraction": [
        {"question": "What does the parser drop?", "source_chat_ids": [0, 77]}
    ],
}


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    for name, inner in (("10", "."), ("2", "probing_questions")):
        chat = tmp_path / "chats" / name
        (chat / inner).mkdir(parents=True)
        (chat / "chat.json").write_text(json.dumps(batches()))
        (chat / inner / "probing_questions.json").write_text(json.dumps(QUESTIONS))
    return tmp_path / "chats"


def test_all_messages_go_in_with_their_role(chats: Path) -> None:
    first = load(chats)[0]
    turns = [turn for session in first.sessions for turn in session.turns]
    assert [(turn["id"], turn["role"]) for turn in turns] == [
        ("0", "user"),
        ("1", "assistant"),
        ("2", "user"),
        ("3", "user"),
    ]
    assert all(turn.keys() == {"id", "role", "text"} for turn in turns)


def test_chats_come_in_the_order_of_their_numbers(chats: Path) -> None:
    assert [each.name for each in load(chats)] == ["2", "10"]


def test_a_session_is_a_batch_and_its_first_anchor_is_its_day() -> None:
    days = [session.at for session in sessions_of(batches())]
    assert days == [datetime(2024, 3, 15, tzinfo=UTC), datetime(2024, 4, 2, tzinfo=UTC)]


def test_plans_are_sessions_of_one_chat() -> None:
    plans = [{"plan-1": batches()}, {"plan-2": batches()}]
    names = [session.name for session in sessions_of(plans)]
    assert names == ["plan-1/1", "plan-1/2", "plan-2/1", "plan-2/2"]


@pytest.mark.parametrize("source", [[2, 3], {"a": [2], "b": [3]}, [[2], [3]], {"a": 2, "b": [3]}])
def test_gold_is_read_from_every_shape(source: object) -> None:
    assert list(source_ids(source)) == ["2", "3"]


def test_gold_that_is_no_message_is_dropped_and_a_question_without_gold_skipped(
    chats: Path,
) -> None:
    first = load(chats)[0]
    assert {question.category: question.gold for question in first.questions} == {
        "knowledge_update": {"2", "3"},
        "information_extraction": {"0"},
    }
    assert first.skipped == 1


def test_an_anchor_that_names_no_day_is_no_day() -> None:
    assert moment("some time in spring") is None
    assert moment(None) is None


def test_a_directory_without_chats_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"chat\.json"):
        load(tmp_path)


def test_the_program_scores_by_ability(chats: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    assert main(["--data", str(chats), "--twice", "--json", str(kept)]) == 0
    found = json.loads(kept.read_text())
    assert found["figures"]["n all"] == 4
    assert found["figures"]["recall@10 knowledge_update"] == 1.0
    assert found["messages with the id of another"] == 0
