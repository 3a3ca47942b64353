"""Asking an adapter what it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from memos.infrastructure.chat_models.adapting import Probe
from memos.parametric.lessons import Lesson
from memos.parametric.prompts import BARE, Prompts
from memos.parametric.respondent import Respondent


def probes(
    student: Respondent, lessons: Sequence[Lesson], prompts: Prompts, most_tokens: int
) -> Iterator[Probe]:
    """Of each lesson what the student says most often, however it is asked, without a memory in its prompt.

    Args:
        student: the model with the adapter.
        lessons: about what it holds.
        prompts: of the job.
        most_tokens: of an answer.
    """
    for lesson in lessons:
        questions = (*lesson.questions, *lesson.held_out)
        asked = student.answers(BARE, questions, most_tokens)
        answers = [prompts.text(ids).strip() for ids in asked]
        ((answer, count),) = Counter(answers).most_common(1)
        yield Probe(
            cube_id=lesson.memory.cube_id,
            question=questions[answers.index(answer)].text,
            answer=answer,
            confidence=count / len(answers),
        )
