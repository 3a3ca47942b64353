"""What does a step of distillation take on a model of 8 billion parameters, and how many bytes?

    python -m benchmarks.distill_8b [--json FILE] [--check] [--shape qwen3-8b] [--device cuda]

Random weights in bfloat16, so only times and bytes mean anything; it needs a GPU. The exercises are as long as those of
English memories: a question and its answer in 48 random tokens, of which the last 16 are learnt, and the settings are
the default ones: rank 16, 8 questions a step, and two whose answers stay for each. `teacher`: what the base takes to say
what an exercise's tokens are to be, one memory of 128 tokens in its context, read once. `step`: forward, backward and
the optimizer, each step with the GPU waited for; the first ones are not counted. `peak`: of the GPU's memory, in all;
`weights`: the model's; `adapter`: the file of the one that is trained.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random

import torch

from benchmarks.distilling import OWNER, SECRET, facts_of, job_of, memories
from benchmarks.harness import Report, finish, p50, parse, percentile, progress, timed
from benchmarks.shapes import SHAPES, of_shape
from memos.activation.segment_store import SegmentStore
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.adapting import DistillationSettings
from memos.parametric.course import Course, Exercise
from memos.parametric.prompts import BARE, Prompts
from memos.parametric.recipe import REAL
from memos.parametric.respondent import Respondent
from memos.parametric.training import Training
from tests.tiny_model.loaded import tokenizer

STEPS, UNCOUNTED = 30, 5
ROW_TOKENS, ANSWER_TOKENS = 48, 16
MEMORY_TOKENS = 128
EXERCISES = 24
"""Of those that are learnt, and of the others."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="qwen3-8b")
    own, rest = parser.parse_known_args(arguments)
    options = parse("distill_8b", __doc__, rest)
    if own.device.startswith("cuda") and not torch.cuda.is_available():
        print(
            "distill_8b needs a GPU, and this machine has none that PyTorch can use: nothing was measured",
            file=sys.stderr,
        )
        return 1
    progress(f"{own.shape} on {own.device}")
    report = Report()
    measure(report, of_shape(own.shape, own.device), own.shape)
    return finish(options, report)


def measure(report: Report, model: CausalModel, name: str, steps: int = STEPS) -> None:
    """What a model's distillation takes.

    Args:
        report: where it is told.
        model: with whatever weights.
        name: of its shape.
        steps: so many are taken.
    """
    device = model.shape.device
    weights = None
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        weights = torch.cuda.memory_allocated(device)
    settings = replace(DistillationSettings(), steps=steps)
    job = replace(job_of(memories(facts_of(0, 1)), 0), settings=settings)
    prompts = Prompts(job, tokenizer())
    store = SegmentStore.on_device(device.type)
    teacher = Respondent(model, prompts, store.pool, OWNER, SECRET)
    taught: list[Course] = []
    progress(f"{2 * EXERCISES} exercises")
    seconds = timed(lambda: taught.append(_course(teacher, model.vocabulary)))
    trainee = model.trainee(rank=settings.rank, alpha=settings.alpha, seed=settings.seed)
    training = Training(trainee, prompts, taught[0], (), settings, replace(REAL, enough=-1.0))
    progress(f"{steps} steps")
    took = _times(training, device)[min(UNCOUNTED, steps - 1) :]
    rows = settings.batch + round(settings.batch * REAL.kept_share)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    report.figures["seconds a step"] = p50(took) / 1e3
    if peak is not None:
        report.figures["peak bytes"] = peak
    report.row(
        shape=name,
        rows_a_step=rows,
        tokens_a_row=ROW_TOKENS,
        teacher_ms=seconds * 1e3 / (2 * EXERCISES),
        step_p50_s=p50(took) / 1e3,
        step_p95_s=percentile(took, 0.95) / 1e3,
        tokens_a_second=round(rows * ROW_TOKENS * 1e3 / p50(took)),
        peak_GiB=None if peak is None else peak / 2**30,
        weights_GiB=None if weights is None else weights / 2**30,
        adapter_MB=sum(each.nbytes for each in trainee.parameters.values()) / 1e6,
    )
    whole = DistillationSettings().steps * p50(took) / 1e3
    report.notes.append(
        f"{model.identity.libraries}; the {DistillationSettings().steps} steps of the default settings are {whole:.0f} s."
    )


def _course(teacher: Respondent, vocabulary: int) -> Course:
    """Exercises of random tokens, with the teacher's word on each."""
    chance = Random(0)

    def texts() -> list[tuple[int, ...]]:
        return [
            tuple(chance.randrange(3, vocabulary) for _ in range(ROW_TOKENS))
            for _ in range(EXERCISES)
        ]

    # The line of a memory is text of the tests' tokenizer: a word is a token.
    told = (f"- {' '.join(['oak'] * (MEMORY_TOKENS - 2))}\n",)
    answer = ROW_TOKENS - ANSWER_TOKENS
    courses = [
        tuple(
            Exercise(text, targets, answer)
            for text, targets in zip(asked, teacher.targets(context, asked), strict=True)
        )
        for context, asked in ((told, texts()), (BARE, texts()))
    ]
    return Course(BARE, courses[0], (courses[1],))


def _times(training: Training, device: torch.device) -> list[float]:
    """Seconds of each step."""
    moments: list[float] = []

    def note(_: int, __: int) -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        moments.append(time.perf_counter())

    training.run(note, None, None)
    return [after - before for before, after in pairwise(moments)]


if __name__ == "__main__":
    sys.exit(main())
