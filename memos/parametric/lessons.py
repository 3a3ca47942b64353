"""What is asked of memories: questions to train on, and others to score with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memos.infrastructure.chat_models.adapting import DistillationJob, LessonMemory, Role
from memos.kernel.errors import DistillationRefused, shorten
from memos.parametric.templates import Fact, Form, Templates

VERSION = "lessons 1"
_LEAST_WORDS = 3
_BEGINNING_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Lesson:
    """A memory and what is asked of it.

    Attributes:
        memory: which.
        value: what an answer has to say; empty where the teacher's own answers are the measure.
        questions: to train on.
        held_out: to score with.
        slot: what it tells about whom; None where it is no fact.
    """

    memory: LessonMemory
    value: str
    questions: tuple[str, ...]
    held_out: tuple[str, ...]
    slot: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Lessons:
    """All that is asked in a job.

    Attributes:
        sources: what the adapter is to hold. Of two sources that say otherwise about the same thing only the
            later one is here: it is the newer.
        replayed, distractors: what it must leave as it is, without those that contradict a source.
    """

    sources: tuple[Lesson, ...]
    replayed: tuple[Lesson, ...]
    distractors: tuple[Lesson, ...]


def lessons_of(job: DistillationJob, templates: Templates) -> Lessons:
    """What is asked in a job.

    Raises:
        DistillationRefused: there is no source, or one that nothing can be asked about.
    """
    memories = job.of_role(Role.SOURCE)
    if not memories:
        raise DistillationRefused("there is no memory to learn: name at least one as a source")
    sources = _newest([_lesson(memory, templates) for memory in memories])
    told = {lesson.slot for lesson in sources if lesson.slot}

    def others(*roles: Role) -> tuple[Lesson, ...]:
        askable = [each for each in job.of_role(*roles) if is_askable(each.text)]
        lessons = (_lesson(each, templates) for each in askable)
        return tuple(each for each in lessons if each.slot not in told)

    return Lessons(sources, others(Role.REPLAYED), others(Role.DISTRACTOR, Role.NEUTRAL))


def is_askable(text: str) -> bool:
    """Whether anything can be asked about a text: an exclamation or a number alone tells nothing."""
    return len(re.findall(r"[^\W\d_]+", text)) >= _LEAST_WORDS


def questions_of(fact: Fact, form: Form, *, held_out: bool = False) -> tuple[str, ...]:
    """What is asked about a fact."""
    asked = form.held_out if held_out else form.questions
    return tuple(each.format(subject=fact.subject, attribute=fact.attribute) for each in asked)


def _lesson(memory: LessonMemory, templates: Templates) -> Lesson:
    if not is_askable(memory.text):
        raise DistillationRefused(
            f"{memory.cube_id} says {shorten(memory.text)}, and nothing can be asked about that: leave it out",
            (memory.cube_id,),
        )
    read = templates.read(memory.text)
    if read is None:
        return Lesson(
            memory,
            "",
            _seeded(templates.seeds, memory.text),
            _seeded(templates.held_out_seeds, memory.text),
        )
    fact, form = read
    return Lesson(
        memory,
        fact.value,
        questions_of(fact, form) + _seeded(templates.seeds, memory.text, fact.subject),
        questions_of(fact, form, held_out=True),
        fact.slot,
    )


def _seeded(seeds: Sequence[str], text: str, subject: str = "") -> tuple[str, ...]:
    """The prompts that can be put: those that name a subject only where there is one."""
    words = text.split()
    beginning = " ".join(words[: max(1, round(len(words) * _BEGINNING_SHARE))])
    wanted = "{subject}" if subject else "{beginning}"
    return tuple(
        each.format(subject=subject, beginning=beginning) for each in seeds if wanted in each
    )


def _newest(lessons: Sequence[Lesson]) -> tuple[Lesson, ...]:
    """Without those that a later one contradicts or repeats."""
    latest = {lesson.slot: number for number, lesson in enumerate(lessons) if lesson.slot}
    return tuple(
        lesson
        for number, lesson in enumerate(lessons)
        if not lesson.slot
        or latest[lesson.slot] == number
        or lessons[latest[lesson.slot]].value.casefold() == lesson.value.casefold()
    )
