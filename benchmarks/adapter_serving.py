"""What does an answer with adapters cost, and one with others than the last? What does a batch of several gain?

    python -m benchmarks.adapter_serving [--json FILE] [--check]

SmolLM2-135M and the tiny model of `tests/tiny_model`, with random adapters of rank 8 on all linear layers. An answer
is one token, behind an opening that is cached. `first`: the first adapter of a shape, for which peft makes layers;
`loaded`: one of the sets that stay loaded; `unloaded`: more sets than that by turns, so that each answer loads its
own, from memory; `file`: it comes from its sealed file besides. `set of 4`: four adapters together, as one of four
times the rank. `batch`: so many prompts, each with another adapter, in one batch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from benchmarks.harness import Report, finish, p50, parse, progress, timed, workshop
from memos.activation import smollm2
from memos.activation.adapted_models import MOST_LOADED
from memos.activation.adapters import Adapter
from memos.activation.chat_model import LocalModel
from memos.activation.segment_store import StoreLimits
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.port import ChatMessage, ChatPrompt, PromptAdapter
from tests.tiny_model.loaded import DIRECTORY

Adapters = tuple[PromptAdapter, ...]

RANK = 8
SETS = MOST_LOADED + 8
BATCHES = (1, 4, 16)
SEAL = b"s" * 32
ASKED = ChatPrompt(
    owner="benchmark",
    opening="Answer the user.\n\n",
    pinned=(),
    closing="",
    messages=(ChatMessage("user", "What is the drink of Albert?"),),
    max_tokens=1,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code."""
    options = parse("adapter_serving", __doc__, arguments)
    report = Report()
    for name, weights in (("tiny", DIRECTORY), ("SmolLM2-135M", smollm2.converted())):
        progress(name)
        with workshop("adapters") as directory:
            _measure(report, name, weights, directory)
    report.notes.append(
        f"{torch.get_num_threads()} threads. {MOST_LOADED} sets stay loaded; `unloaded` goes round {SETS}."
    )
    return finish(options, report)


def _measure(report: Report, name: str, weights: Path, directory: Path) -> None:
    with LocalModel.load(weights, kept_in=directory) as model:
        named = [
            PromptAdapter(model.keep_adapter(each.files(), SEAL).sha256, SEAL)
            for each in _adapters(weights)
        ]
        alone: list[Adapters] = [(each,) for each in named]
        fours: list[Adapters] = [tuple(named[place : place + 4]) for place in range(0, SETS - 4, 3)]
        _answers(model, [()])  # computes the opening
        found = {"without": _answers(model, [()] * 8), "first": _answers(model, alone[:1])}
        _answers(model, alone[:MOST_LOADED])
        found["loaded"] = _answers(model, alone[:MOST_LOADED])
        found["unloaded"] = _answers(model, [*alone[MOST_LOADED:], *alone[:MOST_LOADED]])
        found["set of 4, first"] = _answers(model, fours[:1])
        found["set of 4, unloaded"] = _answers(model, fours[1:])
        found["set of 4, loaded"] = _answers(model, fours[1:])
        for size in BATCHES:
            found[f"batch of {size}, each"] = _batch(model, alone[:size])
    with LocalModel.load(weights, kept_in=directory, limits=StoreLimits(adapters=1)) as again:
        _answers(again, alone[:1])
        found["file"] = _answers(again, alone[1:])
    for kind, times in found.items():
        report.figures[f"{name}: {kind}"] = p50(times)
        report.row(model=name, answer=kind, ms=p50(times))


def _adapters(weights: Path) -> Iterator[Adapter]:
    """Of random numbers, so small that answers are as long as without."""
    like = CausalModel.load(weights).trainee(rank=RANK, alpha=2 * RANK, seed=0).adapter()
    for seed in range(SETS):
        drawn = torch.Generator().manual_seed(seed)
        tensors = {
            name: torch.randn(each.shape, generator=drawn) * 1e-3
            for name, each in like.tensors.items()
        }
        yield replace(like, tensors=tensors)


def _answers(model: LocalModel, sets: Iterable[Adapters]) -> list[float]:
    """Seconds of each answer."""

    def answer(some: Adapters) -> None:
        list(model.stream(replace(ASKED, adapters=some)))

    return [timed(partial(answer, some)) for some in sets]


def _batch(model: LocalModel, sets: Sequence[Adapters]) -> list[float]:
    """Seconds of an answer in a batch, a few times."""
    batch = model.batch(sets)
    asked = [replace(ASKED, adapters=some) for some in sets]
    batch.answer(asked)
    return [timed(lambda: batch.answer(asked)) / len(sets) for _ in range(3)]


if __name__ == "__main__":
    sys.exit(main())
