"""How long until the first token, when memories' KV cache is there and when it is not?

    python -m benchmarks.kv_ttft [--json FILE] [--check] [--device cuda --shape qwen3-8b]

SmolLM2-135M in float32 on this machine's CPU; with `--shape` a model of that shape with random weights in
bfloat16. A context is memories of 128 tokens each, a query comes behind it. Cold: the whole prompt read at
once, by the same kernels, with the last token's logits only. Cached: `KvReader.answer` of one token, all
memories leased: keys, lease, query. Both are measured in turn. `bound` is what not reading the context
again can save at most where a token costs the same anywhere: context / (context + query). A fork is what a
request holds of a stored prefix before it reads its query.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

import torch

from benchmarks.harness import Report, finish, p50, parse, percentile, progress, timed
from benchmarks.shapes import SHAPES, of_shape
from memos.activation import smollm2
from memos.activation.chain import chain_keys
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.activation.reader import Answers, KvReader, Prompt
from memos.activation.request_cache import RequestCache
from memos.activation.segment import Segment
from memos.activation.transformers_model import CausalModel

CONTEXTS, QUERIES = (583, 2773, 6064), (167, 303, 953)
MEMORY_TOKENS = 128
FEWEST, MOST, SECONDS = 3, 15, 30.0
"""Repeats of a cell: as many as these seconds allow, no fewer and no more."""
FORKS = 1000
TENANT, UNLIMITED = "bench", Limits(2**62)
SECRET = b"a secret of this benchmark's tenant"


class Arm(NamedTuple):
    """Seconds of the wall clock, and of the processors, of each run."""

    wall: list[float]
    processor: list[float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every cell; the exit code."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--shape", choices=sorted(SHAPES))
    own, rest = parser.parse_known_args(arguments)
    options = parse(f"kv_ttft_{own.shape}" if own.shape else "kv_ttft", __doc__, rest)
    progress(f"{own.shape or 'SmolLM2-135M'} on {own.device}")
    model = of_shape(own.shape, own.device) if own.shape else _smollm2(own.device)
    report = Report()
    loads = [os.getloadavg()[0]]
    for context in CONTEXTS:
        _context(report, model, context)
        loads.append(os.getloadavg()[0])
    report.notes.append(
        f"{model.identity.attention}, {model.identity.libraries}, {torch.get_num_threads()} threads on "
        f"{os.cpu_count()} cores; load averages before and after each context: "
        f"{', '.join(f'{load:.1f}' for load in loads)}."
    )
    return finish(options, report)


def _smollm2(device: str) -> CausalModel:
    return CausalModel.load(smollm2.converted(), device=device)


def _context(report: Report, model: CausalModel, context: int) -> None:
    chance = Random(context)
    pool = Pool([MemoryTier("memory", UNLIMITED)])
    ids = [chance.randrange(3, 40_000) for _ in range(context)]
    memories = [ids[start : start + MEMORY_TOKENS] for start in range(0, context, MEMORY_TOKENS)]
    reader = KvReader(model, pool)
    progress(f"{context:,} tokens in {len(memories)} memories")
    built = reader.prefill(_prompt(memories, []))
    for tokens in QUERIES:
        progress(f"  a query of {tokens} behind them")
        query = [chance.randrange(3, 40_000) for _ in range(tokens)]
        _cell(report, model, reader, memories, query, built.milliseconds)
    with pool.lease(TENANT, chain_keys(memories, model.identity, SECRET)) as lease:
        _fork(report, model, lease.segments, context)


def _prompt(memories: Sequence[Sequence[int]], query: Sequence[int]) -> Prompt:
    return Prompt(TENANT, SECRET, memories, [query])


def _cell(
    report: Report,
    model: CausalModel,
    reader: KvReader,
    memories: Sequence[Sequence[int]],
    query: Sequence[int],
    build_milliseconds: float,
) -> None:
    prompt = _prompt(memories, query)
    context = sum(map(len, memories))
    whole = [token for memory in memories for token in memory] + list(query)
    cached_answers: list[Answers] = []
    cold_logits: list[torch.Tensor] = []

    def cold() -> None:
        _, logits = model.start((), [whole])
        logits.argmax(-1).tolist()
        cold_logits[:] = [logits]

    def cached() -> None:
        cached_answers[:] = [reader.answer(prompt, 1)]

    first, second = _in_turn(cold, cached)
    (answers,), (logits,) = cached_answers, cold_logits
    assert answers.figures.computed_tokens == 0
    reduction = 100 * (1 - p50(second.wall) / p50(first.wall))
    report.figures[f"reduction % at {context}/{len(query)}"] = reduction
    report.row(
        context=context,
        query=len(query),
        runs=len(first.wall),
        cold_p50_ms=p50(first.wall),
        cold_p95_ms=percentile(first.wall, 0.95),
        cached_p50_ms=p50(second.wall),
        cached_p95_ms=percentile(second.wall, 0.95),
        **{
            "reduction %": round(reduction, 1),
            "of the processors %": round(
                100 * (1 - p50(second.processor) / p50(first.processor)), 1
            ),
            "bound %": round(100 * context / len(whole), 1),
            "build ms": build_milliseconds,
            "most |Δ logit|": float((answers.first_logits - logits).abs().max()),
        },
    )


def _in_turn(one: Callable[[], None], other: Callable[[], None]) -> tuple[Arm, Arm]:
    """Run both in turn, so that whatever else the machine does meets both; once before, unmeasured."""
    arms = Arm([], []), Arm([], [])
    other()
    until = time.perf_counter() + SECONDS
    for number in range(MOST):
        if number >= FEWEST and time.perf_counter() > until:
            break
        for arm, action in zip(arms, (one, other), strict=True):
            before = time.process_time()
            arm.wall.append(timed(action))
            arm.processor.append(time.process_time() - before)
    return arms


def _fork(report: Report, model: CausalModel, segments: Sequence[Segment], context: int) -> None:
    times = [timed(lambda: RequestCache(model.shape, segments, 1, 167)) for _ in range(FORKS)]
    megabytes = sum(segment.bytes for segment in segments) / 1e6
    report.figures[f"fork p95 ms at {context}"] = percentile(times, 0.95)
    report.row(
        context=context,
        prefix_MB=round(megabytes, 1),
        fork_p50_ms=p50(times),
        fork_p95_ms=percentile(times, 0.95),
    )


if __name__ == "__main__":
    sys.exit(main())
