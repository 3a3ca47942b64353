from __future__ import annotations

import pytest

from memos.language.english.requests import request


@pytest.mark.parametrize(
    "query",
    [
        "What did you recommend for the garden?",
        "Which book have you suggested to me?",
        "What was your advice on the mortgage?",
        "What you told me about the visa",
        "What has the assistant said of the garden?",
    ],
)
def test_who_asks_for_what_was_said_asks_the_assistant_for_its_words(query: str) -> None:
    assert request(query).asks_assistant


@pytest.mark.parametrize(
    "query",
    [
        "Can you recommend a book?",
        "Could you help me plan the garden?",
        "What would you suggest for dinner?",
        "Do you know where I parked?",
        "When is my appointment?",
    ],
)
def test_a_request_asks_for_a_thing_and_not_for_what_was_said(query: str) -> None:
    assert not request(query).asks_assistant


@pytest.mark.parametrize(
    ("query", "is_task"),
    [
        ("Can you suggest a restaurant?", True),
        ("How should I set up the tests?", True),
        ("Write a letter to the landlord.", True),
        ("What are some good exercises?", True),
        ("Have I ever been to Lisbon?", False),
        ("How many plants did I buy?", False),
        ("Give me a summary of our conversations on the garden.", False),
        ("Where does Caroline live?", False),
    ],
)
def test_a_task_is_told_from_a_question_about_the_past(query: str, is_task: bool) -> None:
    assert request(query).is_task is is_task


def test_words_that_say_how_to_answer_are_known_where_somebody_is_spoken_to() -> None:
    assert "list" in request("Can you list my plants?").frame
    assert not request("List of plants").frame


@pytest.mark.parametrize(
    ("query", "looks_up"),
    [
        ("porcelain", True),
        ("kiln temperature stoneware", True),
        ("plan the garden", False),
        ("Which glaze?", False),
        ("Format the amounts of the table", False),
        ("my garden", False),
    ],
)
def test_a_few_words_that_are_looked_for_ask_nobody_for_anything(
    query: str, looks_up: bool
) -> None:
    assert request(query).looks_up is looks_up
