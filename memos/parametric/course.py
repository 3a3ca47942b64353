"""Exercises: questions with answers, and what a student's next tokens are to be at each of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from memos.parametric.chance import chance_of
from memos.parametric.lessons import Lesson, Lessons, Question
from memos.parametric.made_up import MadeUp, made_up_facts
from memos.parametric.prompts import BARE, Context, Prompts
from memos.parametric.recipe import Recipe
from memos.parametric.respondent import Respondent
from memos.parametric.right import says
from memos.parametric.targets import Targets, joined
from memos.parametric.templates import Templates

_ASKED_IN_CONTEXT = 8
"""Sources that are asked about behind each block of other memories."""


_Asked = tuple[Lesson, Question]
_Answered = tuple[Question, Sequence[int]]


class Author(Protocol):
    """Who writes the answers that are learnt."""

    def answers(
        self, context: Context, questions: Sequence[Question], most: int
    ) -> list[tuple[int, ...]]:
        """See `Respondent.answers`."""
        ...


class Exercise(NamedTuple):
    """A question with its answer.

    Attributes:
        text: as token ids.
        targets: at each token from the first on that counts.
        answer: where the token stands behind which the answer begins.
        first: the first token that counts.
    """

    text: tuple[int, ...]
    targets: Targets
    answer: int
    first: int = 0


@dataclass(frozen=True, slots=True)
class Course:
    """Exercises behind one context.

    Attributes:
        context: what the student sees.
        learnt: in the answer with the teacher's targets, who has the sources in its context besides. What is
            asked stays as likely as it was: who knows a memory is not asked about it more often. With the
            teacher's targets there, a loss stays that nothing closes, and locality and reading suffer
            (`benchmarks.distill`).
        kept: with the targets of the model without an adapter, by kinds, which come equally often.
    """

    context: Context
    learnt: tuple[Exercise, ...]
    kept: tuple[tuple[Exercise, ...], ...]


class CourseMaker:
    """Makes courses of lessons; the same every time.

    Args:
        teacher: the model without an adapter: what a student's next tokens are to be.
        prompts: of the job.
        templates: of its language.
        recipe: how much of what.
        seed: of what is drawn.
        author: of the answers that are learnt, if not the teacher.
    """

    def __init__(
        self,
        teacher: Respondent,
        prompts: Prompts,
        templates: Templates,
        recipe: Recipe,
        seed: int,
        *,
        author: Author | None = None,
    ) -> None:
        self._teacher = teacher
        self._author = author or teacher
        self._prompts = prompts
        self._templates = templates
        self._recipe = recipe
        self._chance = chance_of(seed, "course")

    def bare(self, lessons: Lessons) -> Course:
        """Without a memory in the student's context."""
        learnt: list[Exercise] = []
        for block in source_blocks(lessons.sources, self._recipe.teacher_memories):
            learnt += self._learnt(block, BARE)
        half = self._recipe.made_up // 2
        # What is not told of those whom the sources tell of is where an adapter says too much first.
        nobody_knows = (
            *self._made_up(lessons, half, lessons.subjects),
            *self._made_up(lessons, self._recipe.made_up - half),
        )
        kinds = (
            [*map(Question, self._templates.neutral)],
            [question for lesson in lessons.others for question in lesson.questions],
            [
                *(self._chance.choice(fact.questions()) for fact in nobody_knows),
                *self._asked_of_others(lessons),
            ],
        )
        return Course(
            BARE, tuple(learnt), tuple(tuple(self._kept(BARE, asked)) for asked in kinds if asked)
        )

    def in_context(self, lessons: Lessons) -> Iterator[Course]:
        """Behind blocks of other memories: what was learnt holds there, and they are read as before."""
        for _ in range(self._recipe.contexts):
            facts = self._made_up(lessons, self._recipe.context_facts)
            most = min(len(lessons.others), self._recipe.context_distractors)
            beside = self._chance.sample(lessons.others, most)
            context = self._block(facts, beside)
            asked = [self._chance.choice(each.questions()) for each in facts]
            asked += [self._chance.choice(each.questions) for each in beside]
            sources = self._chance.sample(
                lessons.sources, min(len(lessons.sources), _ASKED_IN_CONTEXT)
            )
            learnt: list[Exercise] = []
            for block in source_blocks(
                [*map(self._asked_little, sources)], self._recipe.teacher_memories
            ):
                learnt += self._learnt(block, context)
            yield Course(context, tuple(learnt), (tuple(self._kept(context, asked)),))

    def _asked_little(self, lesson: Lesson) -> Lesson:
        """A lesson with as many questions as are asked behind other memories."""
        most = min(len(lesson.questions), self._recipe.context_questions)
        return replace(lesson, questions=tuple(self._chance.sample(lesson.questions, most)))

    def _asked_of_others(self, lessons: Lessons) -> Iterator[Question]:
        """What is asked about the sources, asked about people of whom nothing is known."""
        facts = [(lesson, fact) for lesson in lessons.sources for fact in lesson.facts]
        for lesson, fact in facts:
            named = [each.text for each in lesson.questions if fact.subject in each.text]
            for text in self._chance.sample(named, min(len(named), self._recipe.strangers)):
                stranger = self._chance.choice(self._templates.subjects)
                if fact._replace(subject=stranger).slot not in lessons.slots:
                    yield Question(text.replace(fact.subject, stranger))

    def _made_up(self, lessons: Lessons, count: int, subjects: Sequence[str] = ()) -> list[MadeUp]:
        return made_up_facts(self._templates, self._chance, count, lessons.slots, subjects)

    def _block(self, facts: Sequence[MadeUp], beside: Sequence[Lesson]) -> Context:
        lines = [
            self._prompts.line(fact.statement(self._chance), number)
            for number, fact in enumerate(facts)
        ]
        lines += [each.memory.line for each in beside]
        self._chance.shuffle(lines)
        return tuple(lines)

    def _learnt(self, lessons: Sequence[Lesson], context: Context) -> Iterator[Exercise]:
        """What the author answers with these sources before the context. Where it is wrong it is asked with
        the one memory alone; where it is wrong there too, the memory's own words are learnt.
        """
        block = tuple(lesson.memory.line for lesson in lessons)
        asked = [(lesson, each) for lesson in lessons for each in lesson.questions]
        right, wrong = self._answered((*block, *context), asked)
        yield from self._exercises(context, right, (*block, *context))
        for lesson in lessons:
            alone = (lesson.memory.line, *context)
            left = [(each, question) for each, question in wrong if each is lesson]
            if len(lessons) > 1:
                right, left = self._answered(alone, left)
                yield from self._exercises(context, right, alone)
            told = [
                (question, self._prompts.tokens(question.answer))
                for _, question in left
                if question.answer
            ]
            yield from self._exercises(context, told, alone, leaning=self._recipe.leaning)

    def _answered(
        self, context: Context, asked: Sequence[_Asked]
    ) -> tuple[list[_Answered], list[_Asked]]:
        """What the author answers right, and what it is asked in vain."""
        questions = [question for _, question in asked]
        right: list[_Answered] = []
        wrong: list[_Asked] = []
        answers = self._author.answers(context, questions, self._recipe.answer_tokens)
        for each, answer in zip(asked, answers, strict=True):
            _, question = each
            if says(self._prompts.text(answer), question.value):
                right.append((question, answer))
            else:
                wrong.append(each)
        return right, wrong

    def _kept(self, context: Context, questions: Sequence[Question]) -> Iterator[Exercise]:
        asked = list(dict.fromkeys(questions))
        answers = self._teacher.answers(context, asked, self._recipe.answer_tokens)
        return self._exercises(context, list(zip(asked, answers, strict=True)), context)

    def _exercises(
        self,
        context: Context,
        answered: Sequence[_Answered],
        taught_in: Context,
        leaning: float = 0.0,
    ) -> Iterator[Exercise]:
        """Behind the student's context, with answers that were given in the teacher's; with so much probability
        more on the answer's own words.
        """
        if not answered:
            return
        asked = [self._prompts.question(question.text) for question, _ in answered]
        # What ends an answer has nothing behind it.
        texts = [
            (*ids, *self._prompts.answer(answer)[:-1])
            for ids, (_, answer) in zip(asked, answered, strict=True)
        ]
        kept = self._teacher.targets(context, texts)
        taught = kept if taught_in == context else self._teacher.targets(taught_in, texts)
        for ids, text, one, other in zip(asked, texts, kept, taught, strict=True):
            answer = len(ids) - 1
            words = (*text, *self._prompts.answer(()))[1:]
            leant = other.leaning_to(words, leaning) if leaning else other
            yield Exercise(text, joined(one, leant, answer), answer)


def source_blocks(lessons: Sequence[Lesson], most: int) -> Iterator[Sequence[Lesson]]:
    """The sources that stand in the teacher's context together."""
    for start in range(0, len(lessons), most):
        yield lessons[start : start + most]
