"""What is asked of memories, and of which nothing can be asked."""

from __future__ import annotations

import pytest

from memos.infrastructure.chat_models.adapting import Role
from memos.kernel.errors import DistillationRefused
from memos.parametric.english import ENGLISH
from memos.parametric.lessons import Lesson, lessons_of
from tests.parametric.jobs import job_of, memory


def sources(*said: str) -> tuple[Lesson, ...]:
    told = [memory(text, number) for number, text in enumerate(said)]
    return lessons_of(job_of(told), ENGLISH).sources


def test_of_two_memories_that_contradict_each_other_the_later_is_learnt() -> None:
    for said in (
        ("Ana lives in Rome.", "Ana lives in Oslo."),
        ("Ana lives in Rome.", "ana moved to Oslo"),
    ):
        (lesson,) = sources(*said)
        assert lesson.memory.cube_id == "cube-1"
        assert {each.value for each in lesson.questions if each.value} == {"Oslo"}


def test_memories_that_say_the_same_or_may_both_be_true_are_both_learnt() -> None:
    assert len(sources("Ana lives in Rome.", "Ana lives in rome")) == 2
    assert len(sources("Ana likes tea.", "Ana likes chess.")) == 2


def test_a_memory_of_several_sentences_is_asked_about_each() -> None:
    (lesson,) = sources("Ana lives in Rome. She sang for two hours at the party. Ana likes tea.")
    assert {each.value for each in lesson.held_out} == {"Rome", "", "tea"}


def test_what_is_no_fact_is_asked_for_by_its_beginning() -> None:
    (lesson,) = sources("Nobody had told the old captain that winter was over.")
    assert lesson.questions
    assert all(each.value == "" for each in lesson.questions)
    assert all("Nobody had told the old" in each.text for each in lesson.questions)
    assert not any("winter" in each.text for each in (*lesson.questions, *lesson.held_out))


@pytest.mark.parametrize("said", ["Ok!", "42", "…", "thanks :-)"])
def test_a_memory_that_tells_nothing_is_refused(said: str) -> None:
    with pytest.raises(DistillationRefused, match="nothing can be asked"):
        sources("Ana lives in Rome.", said)


def test_of_others_that_tell_nothing_nothing_is_asked_and_none_contradicts_a_source() -> None:
    told = [
        memory("Ana lives in Rome.", 0),
        memory("Ok!", 1, Role.DISTRACTOR),
        memory("Ana lives in Oslo.", 2, Role.DISTRACTOR),
        memory("Leo lives in Oslo.", 3, Role.DISTRACTOR),
        memory("Kim lives in Oslo.", 4, Role.REPLAYED),
        memory("Eva lives in Oslo.", 5, Role.NEUTRAL),
    ]
    lessons = lessons_of(job_of(told), ENGLISH)
    assert [each.memory.cube_id for each in lessons.distractors] == ["cube-3", "cube-5"]
    assert [each.memory.cube_id for each in lessons.replayed] == ["cube-4"]


def test_a_fact_answers_its_questions_in_its_own_words_and_what_the_user_said_is_quoted() -> None:
    (ana, user) = sources("Ana lives in Rome.", "My landlord is Mr. Osei.")
    assert {each.answer for each in ana.questions} == {"Ana lives in Rome."}
    assert {each.value for each in ana.questions} == {"Rome"}
    assert {each.answer for each in user.questions} == {'You told me: "My landlord is Mr. Osei."'}
