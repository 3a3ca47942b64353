"""What is learnt, and what is kept: exercises of the tiny model."""

from __future__ import annotations

from dataclasses import replace

import torch

from memos.activation.segment_store import SegmentStore
from memos.infrastructure.chat_models.adapting import LessonMemory
from memos.parametric.course import Course, CourseMaker, Exercise
from memos.parametric.lessons import lessons_of
from memos.parametric.prompts import Prompts
from memos.parametric.recipe import Recipe
from memos.parametric.respondent import Respondent
from tests.parametric.jobs import facts_of, job_of, memories
from tests.tiny_model.loaded import tokenizer, trained_model
from tests.tiny_model.templates import TINY

FACTS = facts_of(1)
RECIPE = Recipe(teacher_memories=1, made_up=4, strangers=1, contexts=0)


def course_of(told: list[LessonMemory], recipe: Recipe = RECIPE) -> Course:
    job = job_of(told)
    prompts = Prompts(job, tokenizer())
    store = SegmentStore.on_device("cpu")
    teacher = Respondent(
        trained_model(), prompts, store.pool, job.owner, store.owner_secret(job.owner)
    )
    return CourseMaker(teacher, prompts, TINY, recipe, 0).bare(lessons_of(job, TINY))


def answered(exercise: Exercise) -> str:
    return tokenizer().text(exercise.text[exercise.answer + 1 :])


def test_what_the_teacher_finds_is_learnt_as_it_says_it() -> None:
    learnt = course_of(memories(FACTS)).learnt
    assert len(learnt) == len(FACTS) * len(TINY.forms[0].questions)
    assert {answered(each) for each in learnt} == {fact.answer for fact in FACTS}


def test_what_it_does_not_find_is_learnt_in_the_words_of_the_memory() -> None:
    others = memories(facts_of(2))
    # What stands in the teacher's prompt is about somebody else.
    told = [
        replace(each, line=other.line) for each, other in zip(memories(FACTS), others, strict=True)
    ]
    words = {each.text: tokenizer().literal(each.text) for each in told}
    leaning = course_of(told, replace(RECIPE, leaning=0.6)).learnt
    forced = [each for each in leaning if [*each.text[each.answer + 1 :]] in words.values()]
    assert len(forced) >= len(leaning) * 0.75
    for each in forced:
        following = torch.tensor(each.text[each.answer + 1 :])
        ids, logs = (part[each.answer : -1] for part in each.targets)
        chosen = logs.exp()[ids == following[:, None]]
        assert bool((chosen >= 0.6 - 1e-5).all())


def test_strangers_are_asked_what_the_sources_are_asked_and_keep_their_answers() -> None:
    without = course_of(memories(FACTS[:1]), replace(RECIPE, strangers=0)).kept
    asked = course_of(memories(FACTS[:1])).kept
    before, after = (
        {each.text[: each.answer + 1] for kind in some for each in kind}
        for some in (without, asked)
    )
    (question,) = after - before
    told = tokenizer().text(question)
    assert FACTS[0].attribute in told
    assert FACTS[0].name not in told
