"""What does an answer cost in each form of its memories: in the weights, as KV cache, as text?

    python -m benchmarks.forms [--json FILE] [--check]

The same held-out questions, one at a time, to the tiny model of `tests/tiny_model` with eight facts and to
SmolLM2-135M with sixteen sentences. Plaintext: all memories stand in the prompt, and it is read whole.
Activation: the same prompt, of which the memories' KV cache is kept. Parametric: an adapter holds them, and no
memory stands in the prompt; what is in front of the question is kept. `read`: tokens of the prompt that were
computed. Milliseconds are medians; an answer has at most so many tokens.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from safetensors.torch import load

from benchmarks import distilling, smollm2_memories
from benchmarks.harness import Report, finish, p50, parse, progress
from memos.activation import smollm2
from memos.activation.adapters import Adapter
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.activation.reader import KvReader, Prompt
from memos.activation.tokenizer import TextTokenizer
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.adapting import DistillationJob
from memos.parametric.distiller import Distiller
from memos.parametric.english import ENGLISH
from memos.parametric.lessons import lessons_of
from memos.parametric.prompts import BARE, Context, Prompts
from memos.parametric.recipe import REAL, Recipe
from memos.parametric.right import says
from memos.parametric.templates import Templates
from tests.tiny_model.loaded import tokenizer as tiny_tokenizer
from tests.tiny_model.loaded import trained_model
from tests.tiny_model.templates import TINY

SECRET = b"a secret of this benchmark's tenant"
WARM_UP = 2
"""Questions before those that are timed."""


@dataclass(frozen=True)
class Asked:
    """A model with an adapter, and the job that it was trained by."""

    name: str
    model: CausalModel
    tokenizer: TextTokenizer
    templates: Templates
    recipe: Recipe
    job: DistillationJob
    answer_tokens: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code."""
    options = parse("forms", __doc__, arguments)
    report = Report()
    for asked in (_tiny(), _smollm2()):
        progress(f"{asked.name}: distilling")
        distiller = Distiller(asked.model, asked.tokenizer, asked.templates, recipe=asked.recipe)
        trained = distiller.distil(asked.job)
        adapter = Adapter(load(trained.weights), trained.adapter.scale)
        _measure(report, asked, adapter)
    report.notes.append(f"{trained_model().identity.libraries}, {torch.get_num_threads()} threads.")
    return finish(options, report)


def _tiny() -> Asked:
    job = distilling.job_of(distilling.memories(distilling.facts_of(1, 8)), 1)
    return Asked("tiny", trained_model(), tiny_tokenizer(), TINY, Recipe(), job, 4)


def _smollm2() -> Asked:
    directory = smollm2.converted()
    tokenizer = TextTokenizer(directory)
    model = CausalModel.load(directory, tokenizer_digest=tokenizer.digest)
    return Asked("SmolLM2-135M", model, tokenizer, ENGLISH, REAL, smollm2_memories.job_of(), 16)


def _measure(report: Report, asked: Asked, adapter: Adapter) -> None:
    lines = tuple(each.line for each in asked.job.memories)
    adapted = asked.model.with_adapters([adapter])
    told = {
        form: _form(report, asked, form, context, model, is_kept=is_kept)
        for form, context, model, is_kept in (
            ("plaintext", lines, None, False),
            ("activation", lines, None, True),
            ("parametric", BARE, adapted, True),
        )
    }
    for form in ("activation", "parametric"):
        report.figures[f"{asked.name}: {form} / plaintext, first token"] = (
            told[form] / told["plaintext"]
        )


def _form(
    report: Report,
    asked: Asked,
    form: str,
    context: Context,
    adapted: CausalModel | None,
    *,
    is_kept: bool,
) -> float:
    """One row of the table; the milliseconds to the first token."""
    progress(f"{asked.name}: {form}")
    prompts = Prompts(asked.job, asked.tokenizer)
    segments = prompts.segments(context)
    sources = lessons_of(asked.job, asked.templates).sources
    questions = [question for lesson in sources for question in lesson.held_out]
    pool = _pool()
    right, first, whole, read, tokens = [], [], [], [], []
    for number, question in enumerate([*questions[:WARM_UP], *questions]):
        query = prompts.question(question.text)
        reader = KvReader(asked.model, pool if is_kept else _pool(), adapted=adapted)
        started = time.perf_counter()
        prompt = Prompt(asked.job.owner, SECRET, segments, [query])
        answers = reader.answer(prompt, asked.answer_tokens)
        seconds = time.perf_counter() - started
        if number < WARM_UP:
            continue
        (ids,) = answers.token_ids
        whole.append(seconds)
        first.append(answers.figures.first_token_milliseconds / 1e3)
        read.append(answers.figures.computed_tokens + len(query))
        tokens.append(sum(map(len, segments)) + len(query))
        right.append(says(prompts.text(ids), question.value))
    report.row(
        model=asked.name,
        form=form,
        memories=len(context),
        right=fmean(right),
        **{
            "prompt tokens": round(fmean(tokens)),
            "read": round(fmean(read)),
            "first token ms": p50(first),
            "answer ms": p50(whole),
        },
    )
    return p50(first)


def _pool() -> Pool:
    return Pool([MemoryTier("memory", Limits(1 << 30))])


if __name__ == "__main__":
    sys.exit(main())
