"""Does a small real model hold sixteen memories in an adapter, and is the rest of it as it was?

    python -m benchmarks.distill_smollm2 [--json FILE] [--check]

SmolLM2-135M learns sixteen sentences of everyday life in the prompts of serving, by the default settings.
It is asked in wordings that it was not trained on, and an answer is right when it says the value. `teacher`: the
model without the adapter, with all memories in its context or with the one alone; `held out`: the adapter's share
right, without any memory in the prompt. `unchanged`: of forty unrelated prompts, those whose greedy answer has the
same 16 tokens as without the adapter, or is less than 0.02 nats a token from it. Then one memory is taken out and
the adapter trained again, from the base: its questions, and those of the others.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Sequence
from statistics import fmean

import torch
from safetensors.torch import load

from benchmarks.harness import Report, finish, parse, progress
from benchmarks.smollm2_memories import MEMORIES, UNRELATED, job_of
from memos.activation import smollm2
from memos.activation.adapters import Adapter
from memos.activation.segment_store import SegmentStore
from memos.activation.tokenizer import TextTokenizer
from memos.activation.transformers_model import CausalModel
from memos.parametric.distiller import Distiller, Trained
from memos.parametric.english import ENGLISH
from memos.parametric.evaluation import compared
from memos.parametric.lessons import Lesson, Question, lessons_of
from memos.parametric.prompts import BARE, Context, Prompts
from memos.parametric.recipe import REAL
from memos.parametric.respondent import Respondent
from memos.parametric.right import says

TAKEN_OUT = "10"
"""The memory of the locker's code."""
ANSWER_TOKENS = 16


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code."""
    options = parse("distill_smollm2", __doc__, arguments)
    report = Report()
    loads = [os.getloadavg()[0]]
    directory = smollm2.converted()
    tokenizer = TextTokenizer(directory)
    model = CausalModel.load(directory, tokenizer_digest=tokenizer.digest)
    asked = Asked(model, tokenizer)
    started = time.perf_counter()
    whole = _distilled(model, tokenizer)
    _measured(report, asked, whole)
    report.figures["in all: min"] = (time.perf_counter() - started) / 60
    loads.append(os.getloadavg()[0])
    rebuilt = _distilled(model, tokenizer, without=[TAKEN_OUT])
    _taken_out(report, asked, whole, rebuilt)
    loads.append(os.getloadavg()[0])
    report.notes.append(
        f"{model.identity.libraries}, {torch.get_num_threads()} threads on {os.cpu_count()} cores; load "
        f"averages before, between and after the two distillations: "
        f"{', '.join(f'{each:.1f}' for each in loads)}."
    )
    return finish(options, report)


class Asked:
    """The model, to be asked with an adapter or without, as it is served."""

    def __init__(self, model: CausalModel, tokenizer: TextTokenizer) -> None:
        job = job_of()
        self.lessons = lessons_of(job, ENGLISH).sources
        self._model = model
        self._prompts = Prompts(job, tokenizer)
        self._store = SegmentStore.on_device("cpu")
        self._owner = job.owner
        self.base = self.with_adapter(None)

    def with_adapter(self, trained: Trained | None) -> Respondent:
        """The model with an adapter."""
        secret = self._store.owner_secret(self._owner)
        adapters = [Adapter(load(trained.weights), trained.adapter.scale)] if trained else []
        return Respondent(
            self._model,
            self._prompts,
            self._store.pool,
            self._owner,
            secret,
            adapted=self._model.with_adapters(adapters),
        )

    def right(
        self, respondent: Respondent, lessons: Sequence[Lesson], context: Context = BARE
    ) -> float:
        """The share right of the held-out questions of memories."""
        asked = [question for lesson in lessons for question in lesson.held_out]
        answers = respondent.answers(context, asked, ANSWER_TOKENS)
        return fmean(
            says(self._prompts.text(answer), question.value)
            for question, answer in zip(asked, answers, strict=True)
        )

    def right_alone(self) -> float:
        """The same with the one memory alone in the context."""
        return fmean(
            self.right(self.base, [lesson], (lesson.memory.line,)) for lesson in self.lessons
        )

    def unchanged(self, respondent: Respondent) -> tuple[float, float]:
        """The share of unrelated prompts that are answered as without the adapter, and nats a token between."""
        told = compared(self.base, respondent, [*map(Question, UNRELATED)], ANSWER_TOKENS)
        return fmean(each.is_same for each in told), fmean(each.nats for each in told)


def _distilled(
    model: CausalModel, tokenizer: TextTokenizer, without: Collection[str] = ()
) -> Trained:
    job = job_of(without=without)
    name = f"{len(job.memories)} memories"
    return Distiller(model, tokenizer, ENGLISH, recipe=REAL).distil(
        job, lambda done, steps: progress(f"{name}: step {done} of {steps}")
    )


def _measured(report: Report, asked: Asked, trained: Trained) -> None:
    student = asked.with_adapter(trained)
    context = tuple(lesson.memory.line for lesson in asked.lessons)
    together = asked.right(asked.base, asked.lessons, context)
    alone = asked.right_alone()
    held_out = asked.right(student, asked.lessons)
    unchanged, apart = asked.unchanged(student)
    told = trained.adapter
    report.row(
        memories=len(MEMORIES),
        **{
            "teacher, all": together,
            "teacher, one": alone,
            "base": asked.right(asked.base, asked.lessons),
            "held out": held_out,
            "gap": told.evaluation.gap_closed,
            "reading": told.evaluation.in_context,
            "unchanged": unchanged,
            "nats apart": apart,
            "MB": told.size / 1e6,
            "s": told.seconds,
        },
    )
    report.notes.extend(f"refused: {each}" for each in told.evaluation.refusals)
    report.figures["held out / teacher, all memories in context"] = held_out / together
    report.figures["held out / teacher, one memory in context"] = held_out / alone
    report.figures["unrelated: unchanged"] = unchanged


def _taken_out(report: Report, asked: Asked, whole: Trained, rebuilt: Trained) -> None:
    before, after = asked.with_adapter(whole), asked.with_adapter(rebuilt)
    removed = [each for each in asked.lessons if each.memory.cube_id == TAKEN_OUT]
    others = [each for each in asked.lessons if each not in removed]
    base = asked.right(asked.base, removed)
    told = {
        "removed memory, before": asked.right(before, removed),
        "after": asked.right(after, removed),
        "the base": base,
        "other memories, before": asked.right(before, others),
        "others after": asked.right(after, others),
    }
    report.row(**told, s=rebuilt.adapter.seconds)
    report.figures["removed memory: right, beyond the base"] = told["after"] - base
    report.figures["other memories: lost"] = told["other memories, before"] - told["others after"]


if __name__ == "__main__":
    sys.exit(main())
