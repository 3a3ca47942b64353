"""A teacher behind a server writes the answers that are learnt, with the memories in its prompt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from memos.infrastructure.chat_models.adapting import DistillationJob
from memos.infrastructure.chat_models.port import ChatModel, ChatPrompt
from memos.infrastructure.progress import Progress
from memos.kernel.errors import InvalidInput, ModelUnavailable, TeacherUnavailable
from memos.parametric.lessons import Question
from memos.parametric.prompts import Context, Prompts
from memos.parametric.templates import Templates
from memos.parametric.written_texts import WrittenTexts

AT_ONCE = 4
"""Requests to the server."""
_LONGEST = 10_000
"""Characters that are read of an answer, whatever a server sends."""


class ServedTeacher:
    """See `memos.parametric.course.Author`. It may have any tokenizer: what it wrote is read as text.

    Args:
        model: the teacher.
        prompts: of the job.
        asked_shortly: see `Templates`.
        texts: those that it has written, and those that it will.
        go_on: called before each text: what it raises ends the writing.
    """

    def __init__(
        self,
        model: ChatModel,
        prompts: Prompts,
        asked_shortly: str,
        texts: WrittenTexts,
        go_on: Callable[[], None],
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._asked_shortly = asked_shortly
        self._texts = texts
        self._go_on = go_on

    def answers(
        self, context: Context, questions: Sequence[Question], most: int
    ) -> list[tuple[int, ...]]:
        """What it writes to each question, as the base's tokens, so many at most.

        Raises:
            TeacherUnavailable: it cannot be asked, or failed.
            VaultError: what it wrote cannot be kept.
        """
        asked = [
            self._prompts.chat(context, self._asked_shortly.format(question=each.text), most)
            for each in questions
        ]
        missing = [each for each in dict.fromkeys(asked) if self._texts.find(each) is None]
        if missing:
            self._texts.keep(dict(zip(missing, self._written(missing), strict=True)))
        told = [self._texts.find(each) or "" for each in asked]
        return [tuple(self._prompts.tokens(text)[:most]) for text in told]

    def _written(self, prompts: Sequence[ChatPrompt]) -> Iterator[str]:
        threads = ThreadPoolExecutor(min(AT_ONCE, len(prompts)))
        try:
            self._go_on()
            for text in threads.map(self._text, prompts):
                yield text
                self._go_on()
        except TeacherUnavailable:
            raise
        except (InvalidInput, ModelUnavailable) as error:
            raise TeacherUnavailable(
                f"the teacher {self._model.name} wrote no answer, and the distillation is given up: {error}"
            ) from error
        finally:
            threads.shutdown(cancel_futures=True)

    def _text(self, prompt: ChatPrompt) -> str:
        text = ""
        for piece in self._model.stream(prompt):
            if isinstance(piece, str):
                text += piece
            if len(text) > _LONGEST:
                break
        # What no encoding has is nothing that could be learnt.
        return text.encode("utf-8", "replace").decode().strip()


def served_teacher(
    job: DistillationJob,
    at_hand: ChatModel | None,
    prompts: Prompts,
    templates: Templates,
    texts: WrittenTexts,
    progress: Progress,
    until: float | None,
) -> ServedTeacher | None:
    """The teacher that a job names, if it names one.

    Args:
        job: what is to be learnt.
        at_hand: the teacher that whoever learns was given.
        prompts: of the job.
        templates: of its language.
        texts: of the job, see `ServedTeacher`.
        progress: told that no step was taken yet, at each text.
        until: when the job's time is over, by the monotonic clock.

    Raises:
        TeacherUnavailable: it is not at hand.
    """
    name, steps = job.settings.teacher, job.settings.steps
    if not name:
        return None
    if at_hand is None or at_hand.name != name:
        other = "none" if at_hand is None else at_hand.name
        raise TeacherUnavailable(
            f"the settings name {name} as the teacher, and {other} is at hand: give the model that learns this "
            "teacher, or settings that name none"
        )

    def go_on() -> None:
        progress(0, steps)
        if until is not None and time.monotonic() > until:
            raise TeacherUnavailable(
                f"the teacher {name} was still writing when the {job.seconds:g} s were over that the distillation "
                "may take: give it more"
            )

    return ServedTeacher(at_hand, prompts, templates.asked_shortly, texts, go_on)
