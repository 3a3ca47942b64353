"""What is asked of memories: questions to train on, and others to score with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from memos.infrastructure.chat_models.adapting import DistillationJob, LessonMemory, Role
from memos.kernel.errors import DistillationRefused, shorten
from memos.parametric.templates import Fact, SlotForm, Templates

VERSION = "lessons 1"
_LEAST_WORDS = 3
_BEGINNING_SHARE = 0.5
_LONGEST_BEGINNING = 12
"""Words."""

Slot = tuple[str, str]
"""Whose, and what: see `Fact.slot`."""


class Question(NamedTuple):
    """What is asked.

    Attributes:
        text: the question.
        value: what an answer has to say; where there is none, the teacher's answer is the measure.
        answer: in a memory's own words, for where the teacher does not find it.
    """

    text: str
    value: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A memory and what is asked of it.

    Attributes:
        memory: which.
        questions: to train on.
        held_out: to score with.
        facts: what it states.
        told: the values of what can have one value only.
    """

    memory: LessonMemory
    questions: tuple[Question, ...]
    held_out: tuple[Question, ...]
    facts: tuple[Fact, ...]
    told: dict[Slot, str]


@dataclass(frozen=True, slots=True)
class Lessons:
    """All that is asked in a job.

    Attributes:
        sources: what the adapter is to hold, without memories that a later one contradicts: that is the newer.
        replayed, distractors: what it must leave as it is, without those that tell of the same as a source.
    """

    sources: tuple[Lesson, ...]
    replayed: tuple[Lesson, ...]
    distractors: tuple[Lesson, ...]

    @property
    def slots(self) -> set[Slot]:
        """What the sources tell of."""
        return {fact.slot for lesson in self.sources for fact in lesson.facts}

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whom the sources tell of."""
        return tuple(dict.fromkeys(fact.subject for each in self.sources for fact in each.facts))

    @property
    def others(self) -> tuple[Lesson, ...]:
        """All that is not to be learnt."""
        return (*self.replayed, *self.distractors)


def lessons_of(job: DistillationJob, templates: Templates) -> Lessons:
    """What is asked in a job.

    Raises:
        DistillationRefused: there is no source, or one that nothing can be asked about.
    """
    memories = job.of_role(Role.SOURCE)
    if not memories:
        raise DistillationRefused("there is no memory to learn: name at least one as a source")
    sources = _newest([_source(memory, templates) for memory in memories])
    told = {slot for lesson in sources for slot in lesson.told}

    def others(*roles: Role) -> tuple[Lesson, ...]:
        lessons = (_lesson(each, templates) for each in job.of_role(*roles))
        return tuple(each for each in lessons if each and told.isdisjoint(each.told))

    return Lessons(sources, others(Role.REPLAYED), others(Role.DISTRACTOR, Role.NEUTRAL))


def questions_of(fact: Fact, form: SlotForm, *, held_out: bool = False) -> list[Question]:
    """What is asked about a fact."""
    asked = form.held_out if held_out else form.questions
    return [
        Question(each.format(subject=fact.subject, attribute=fact.attribute), fact.value)
        for each in asked
    ]


def _source(memory: LessonMemory, templates: Templates) -> Lesson:
    lesson = _lesson(memory, templates)
    if lesson is None:
        raise DistillationRefused(
            f"nothing can be asked about what {memory.cube_id} says, {shorten(memory.text)}, in the language "
            f"of {templates.version}: leave it out",
            (memory.cube_id,),
        )
    return lesson


def _lesson(memory: LessonMemory, templates: Templates) -> Lesson | None:
    """What can be asked about a memory; None where there is nothing."""
    questions: list[Question] = []
    held_out: list[Question] = []
    facts: list[Fact] = []
    told: dict[Slot, str] = {}
    for sentence in templates.sentences(memory.text):
        if read := templates.read(sentence):
            fact, form = read
            facts.append(fact)
            answer = form.answer.format(sentence=sentence.strip())
            asked = (
                *questions_of(fact, form),
                *(each._replace(value=fact.value) for each in _about(templates, fact.subject)),
            )
            questions += (each._replace(answer=answer) for each in asked)
            held_out += questions_of(fact, form, held_out=True)
            if not form.is_many:
                told[fact.slot] = fact.value.casefold()
        elif _is_askable(sentence):
            questions += _continued(templates.seeds, sentence)
            held_out += _continued(templates.held_out_seeds, sentence)
    if not questions or not held_out:
        return None
    return Lesson(memory, tuple(questions), tuple(held_out), tuple(facts), told)


def _is_askable(text: str) -> bool:
    """Whether anything can be asked about a text: an exclamation or a number alone tells nothing."""
    return len(re.findall(r"[^\W\d_]+", text)) >= _LEAST_WORDS


def _about(templates: Templates, subject: str) -> list[Question]:
    """The prompts about a subject."""
    return [
        Question(each.format(subject=subject)) for each in templates.seeds if "{subject}" in each
    ]


def _continued(seeds: Sequence[str], sentence: str) -> list[Question]:
    """The prompts that give a sentence's first words."""
    words = sentence.split()
    share = max(1, round(len(words) * _BEGINNING_SHARE))
    beginning = " ".join(words[: min(share, _LONGEST_BEGINNING)])
    return [Question(each.format(beginning=beginning)) for each in seeds if "{beginning}" in each]


def _newest(lessons: Sequence[Lesson]) -> tuple[Lesson, ...]:
    """Without those that a later one contradicts."""
    latest = {slot: value for lesson in lessons for slot, value in lesson.told.items()}
    return tuple(
        lesson
        for lesson in lessons
        if all(latest[slot] == value for slot, value in lesson.told.items())
    )
