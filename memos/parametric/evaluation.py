"""What an adapter is measured to do, as it will be served: on questions that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import NamedTuple

from memos.infrastructure.chat_models.adapting import Evaluation, Thresholds
from memos.parametric.chance import chance_of
from memos.parametric.course import source_blocks
from memos.parametric.gate import refusals
from memos.parametric.lessons import Lesson, Lessons, Question
from memos.parametric.made_up import made_up_facts
from memos.parametric.prompts import BARE, Context, Prompts
from memos.parametric.recipe import Recipe
from memos.parametric.respondent import Respondent
from memos.parametric.right import overlap, says
from memos.parametric.targets import Targets, divergence
from memos.parametric.templates import Templates

_LIKE_THE_TEACHER = 0.8
"""Of the words of the teacher's answer: an answer with so many is right, where no value tells."""
_AS_IT_WAS = 0.02
"""Nats a token: an answer that is nearer to the model's is the same, though one of two words that were as likely
may have taken the other's place.
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """How a held-out question of a lesson is answered: whether right, and how unlikely the teacher's answer is
    found without the memories, with them in context, and with the adapter, in nats a token.
    """

    lesson: Lesson
    teacher: bool
    base: bool
    student: bool
    nats: tuple[float, float, float]


class Compared(NamedTuple):
    """An answer with an adapter beside the one without: whether it is the same, and nats a token between them."""

    is_same: bool
    nats: float


class Examiner:
    """Measures an adapter.

    Args:
        base: the model without it.
        student: the model with it.
        prompts: of the job.
        templates: of its language.
        recipe: how much is asked.
        seed: of what is drawn.
    """

    def __init__(
        self,
        base: Respondent,
        student: Respondent,
        prompts: Prompts,
        templates: Templates,
        recipe: Recipe,
        seed: int,
    ) -> None:
        self._base = base
        self._student = student
        self._prompts = prompts
        self._templates = templates
        self._recipe = recipe
        self._chance = chance_of(seed, "examination")

    def evaluate(self, lessons: Lessons, thresholds: Thresholds) -> Evaluation:
        """Ask all that there is to ask, and compare with the thresholds."""
        asked = self._asked(lessons.sources)
        neutral = [*map(Question, self._templates.held_out_neutral)]
        unrelated = compared(self._base, self._student, neutral, self._recipe.answer_tokens)
        right = [each for each in asked if each.teacher]
        without, within, student = (
            fmean(each.nats[place] for each in right) if right else 0.0 for place in range(3)
        )
        gap = without - within if right else None
        told = Evaluation(
            gap=gap,
            gap_closed=(without - student) / gap if gap and gap >= thresholds.least_gap else None,
            teacher_accuracy=fmean(each.teacher for each in asked),
            accuracy=fmean(each.student for each in asked),
            base_accuracy=fmean(each.base for each in asked),
            retention=self._retention(lessons, unrelated),
            in_context=self._in_context(lessons),
            locality=fmean(each.nats for each in unrelated) if unrelated else 0.0,
            by_memory={
                lesson.memory.cube_id: fmean(
                    each.student for each in asked if each.lesson is lesson
                )
                for lesson in lessons.sources
            },
        )
        return replace(told, refusals=tuple(refusals(told, thresholds)))

    def _asked(self, sources: Sequence[Lesson]) -> list[_Asked]:
        """The held-out questions of sources."""
        asked = [(lesson, each) for lesson in sources for each in lesson.held_out]
        questions = [question for _, question in asked]
        most = self._recipe.answer_tokens
        taught: list[tuple[int, ...]] = []
        within: list[float] = []
        for block in source_blocks(sources, self._recipe.teacher_memories):
            context = tuple(lesson.memory.line for lesson in block)
            behind = [each for lesson in block for each in lesson.held_out]
            answers = self._base.answers(context, behind, most)
            taught += answers
            within += self._base.nats(context, behind, answers)
        without = self._base.answers(BARE, questions, most)
        student = self._student.answers(BARE, questions, most)
        nats = zip(
            self._base.nats(BARE, questions, taught),
            within,
            self._student.nats(BARE, questions, taught),
            strict=True,
        )
        return [
            _Asked(
                lesson,
                teacher=says(self._prompts.text(reference), question.value),
                base=self._is_right(question, reference, one),
                student=self._is_right(question, reference, other),
                nats=found,
            )
            for (lesson, question), reference, one, other, found in zip(
                asked, taught, without, student, nats, strict=True
            )
        ]

    def _is_right(
        self, question: Question, reference: Sequence[int], answer: Sequence[int]
    ) -> bool:
        told = self._prompts.text(answer)
        if question.value:
            return says(told, question.value)
        return overlap(told, self._prompts.text(reference)) >= _LIKE_THE_TEACHER

    def _retention(self, lessons: Lessons, unrelated: Sequence[Compared]) -> float | None:
        """The share of answers that stay: to what is unrelated as they were, and to replayed memories in the
        context where they were right.
        """
        stays = [each.is_same for each in unrelated]
        for block in source_blocks(lessons.replayed, self._recipe.teacher_memories):
            context = tuple(lesson.memory.line for lesson in block)
            asked = [question for lesson in block for question in lesson.held_out]
            right = self._right(context, asked)
            stays += [after for before, after in right if before]
        return fmean(stays) if stays else None

    def _in_context(self, lessons: Lessons) -> float | None:
        """Accuracy on facts that are made up and stand in the context, as a share of the base's."""
        right: list[tuple[bool, bool]] = []
        for _ in range(self._recipe.scored_contexts):
            facts = made_up_facts(
                self._templates, self._chance, self._recipe.context_facts, lessons.slots
            )
            context = tuple(
                self._prompts.line(each.statement(self._chance), number)
                for number, each in enumerate(facts)
            )
            asked = [question for each in facts for question in each.questions(held_out=True)]
            right += self._right(context, asked)
        before, after = (sum(each[place] for each in right) for place in range(2))
        return min(1.0, after / before) if before else None

    def _right(self, context: Context, asked: Sequence[Question]) -> list[tuple[bool, bool]]:
        """Whether the base and the student answer questions right behind a context."""
        most = self._recipe.answer_tokens
        before = self._base.answers(context, asked, most)
        after = self._student.answers(context, asked, most)
        return [
            (self._is_right(question, one, one), self._is_right(question, one, other))
            for question, one, other in zip(asked, before, after, strict=True)
        ]


def compared(
    base: Respondent, student: Respondent, asked: Sequence[Question], most: int
) -> list[Compared]:
    """How unrelated questions are answered with an adapter, in so many tokens, beside how without."""
    before = base.answers(BARE, asked, most)
    after = student.answers(BARE, asked, most)
    logits = zip(
        base.answer_logits(BARE, asked, before),
        student.answer_logits(BARE, asked, before),
        strict=True,
    )
    apart = [divergence(Targets.of(one), other).mean().item() for one, other in logits]
    return [
        Compared(one == other or nats < _AS_IT_WAS, nats)
        for one, other, nats in zip(before, after, apart, strict=True)
    ]
