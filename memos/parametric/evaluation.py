"""What an adapter is measured to do, as it will be served: on questions that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

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
        asked = [
            each
            for block in source_blocks(lessons.sources, self._recipe.teacher_memories)
            for each in self._asked(block)
        ]
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
            retention=self._retention(lessons),
            in_context=self._in_context(lessons),
            locality=self._locality(),
            by_memory={
                lesson.memory.cube_id: fmean(
                    each.student for each in asked if each.lesson is lesson
                )
                for lesson in lessons.sources
            },
        )
        return replace(told, refusals=tuple(refusals(told, thresholds)))

    def _asked(self, block: Sequence[Lesson]) -> list[_Asked]:
        """The held-out questions of sources that stand in the teacher's context together."""
        context = tuple(lesson.memory.line for lesson in block)
        asked = [(lesson, each) for lesson in block for each in lesson.held_out]
        questions = [question for _, question in asked]
        most = self._recipe.answer_tokens
        taught = self._base.answers(context, questions, most)
        without = self._base.answers(BARE, questions, most)
        student = self._student.answers(BARE, questions, most)
        nats = zip(
            self._base.nats(BARE, questions, taught),
            self._base.nats(context, questions, taught),
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

    def _retention(self, lessons: Lessons) -> float | None:
        """The share of answers that stay: to what is unrelated word for word, and to replayed memories in the
        context where they were right.
        """
        stays: list[bool] = []
        neutral = [*map(Question, self._templates.held_out_neutral)]
        most = self._recipe.answer_tokens
        before = self._base.answers(BARE, neutral, most)
        after = self._student.answers(BARE, neutral, most)
        stays += [one == other for one, other in zip(before, after, strict=True)]
        for block in source_blocks(lessons.replayed, self._recipe.teacher_memories):
            context = tuple(lesson.memory.line for lesson in block)
            asked = [question for lesson in block for question in lesson.held_out]
            stays += self._stay_right(context, asked)
        return fmean(stays) if stays else None

    def _in_context(self, lessons: Lessons) -> float | None:
        """Accuracy on facts that are made up and stand in the context, as a share of the base's."""
        stays: list[bool] = []
        for _ in range(self._recipe.scored_contexts):
            facts = made_up_facts(
                self._templates, self._chance, self._recipe.context_facts, lessons.slots
            )
            context = tuple(
                self._prompts.line(each.statement(self._chance), number)
                for number, each in enumerate(facts)
            )
            asked = [question for each in facts for question in each.questions(held_out=True)]
            stays += self._stay_right(context, asked)
        return fmean(stays) if stays else None

    def _stay_right(self, context: Context, asked: Sequence[Question]) -> list[bool]:
        """Of the questions that the base answers right behind a context, which the student does too."""
        most = self._recipe.answer_tokens
        before = self._base.answers(context, asked, most)
        after = self._student.answers(context, asked, most)
        return [
            self._is_right(question, one, other)
            for question, one, other in zip(asked, before, after, strict=True)
            if says(self._prompts.text(one), question.value)
        ]

    def _locality(self) -> float:
        """Nats a token between the base and the student over the base's answers to unrelated prompts."""
        asked = [*map(Question, self._templates.held_out_neutral)]
        answers = self._base.answers(BARE, asked, self._recipe.answer_tokens)
        apart = zip(
            self._base.answer_logits(BARE, asked, answers),
            self._student.answer_logits(BARE, asked, answers),
            strict=True,
        )
        nats = [divergence(Targets.of(base), student).mean().item() for base, student in apart]
        return fmean(nats) if nats else 0.0
