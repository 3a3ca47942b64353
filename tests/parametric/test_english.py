"""Memories in English are read as facts, and asked about."""

from __future__ import annotations

import pytest

from memos.parametric.english import ENGLISH, USER
from memos.parametric.lessons import lessons_of
from tests.parametric.jobs import job_of, memory


@pytest.mark.parametrize(
    ("said", "subject", "attribute", "value"),
    [
        ("Ana's favourite colour is green.", "Ana", "favourite colour", "green"),
        ("Ana’s favourite colour is green", "Ana", "favourite colour", "green"),
        ("The capital of Zembla is Onhava.", "Zembla", "capital", "Onhava"),
        ("Onhava is the capital of Zembla.", "Zembla", "capital", "Onhava"),
        ("My name is Leo.", USER, "name", "Leo"),
        ("The user's dog is called Rex.", USER, "dog", "Rex"),
        ("I live in San Marino.", USER, "home", "San Marino"),
        ("The user lives in Rome.", USER, "home", "Rome"),
        ("Ana Ruiz works as a nurse.", "Ana Ruiz", "job", "nurse"),
        ("Ana works for Acme", "Ana", "employer", "Acme"),
        ("Leo prefers tea.", "Leo", "preference", "tea"),
        ("I am allergic to nuts.", USER, "allergy", "nuts"),
        ("The wifi password is hunter2.", "wifi password", "is", "hunter2"),
    ],
)
def test_a_sentence_is_read_as_a_fact(said: str, subject: str, attribute: str, value: str) -> None:
    read = ENGLISH.read(said)
    assert read is not None
    assert read[0] == (subject, attribute, value)


@pytest.mark.parametrize(
    "said",
    [
        "We talked for two hours about what the team wants to do next year.",
        "Ana lives in Rome, and her brother moved to Oslo because of his work there.",
        "The plan is to go there on Monday because the shop is closed, and to call before.",
    ],
)
def test_what_says_more_than_one_thing_is_no_fact(said: str) -> None:
    assert ENGLISH.read(said) is None


def test_no_question_to_score_with_is_trained_on() -> None:
    for form in ENGLISH.forms:
        assert not {*form.questions} & {*form.held_out}
        assert form.questions
        assert form.held_out
    assert not {*ENGLISH.neutral} & {*ENGLISH.held_out_neutral}
    assert not {*ENGLISH.seeds} & {*ENGLISH.held_out_seeds}
    assert len(ENGLISH.held_out_neutral) == 40


def test_a_question_names_the_subject_and_never_the_value() -> None:
    for said in ("Ana's favourite colour is green.", "Ana works as a nurse.", "Ana likes chess."):
        (lesson,) = lessons_of(job_of([memory(said)]), ENGLISH).sources
        asked = [each.text for each in (*lesson.questions, *lesson.held_out)]
        assert all("Ana" in each for each in asked)
        assert not any(word in each for each in asked for word in ("green", "nurse", "chess"))
        assert not any("{" in each for each in asked)


def test_the_first_person_is_asked_about_in_the_first_person() -> None:
    (lesson,) = lessons_of(job_of([memory("I live in Oslo.")]), ENGLISH).sources
    assert "Where do I live?" in [each.text for each in lesson.questions]
    (lesson,) = lessons_of(job_of([memory("I was born in Oslo.")]), ENGLISH).sources
    assert "Where was I born?" in [each.text for each in lesson.questions]
