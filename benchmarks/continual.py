"""What is left of 500 facts that arrive in 50 batches, learnt as adapters while they come?

    python -m benchmarks.continual [--json FILE] [--check] [--sizes FACTS]

Facts of the tiny model's language arrive ten at a time. They are put into clusters, and a cluster is learnt
when it has doubled or is full, or at the end (`memos.operation.learning`): an adapter of its own for each, from
the base, with facts of other adapters replayed, and kept if it passes the gate. Questions are held out from
training. `adapters`: the model answers with the adapter of the fact that a search by words finds first for a
question, and with nothing in its prompt; what is in no adapter yet counts as wrong. `four mixed`: with those of
the four facts that are found first. `retrieval`: no adapter, eight facts that are found stand in the prompt.
`both`: found facts that an adapter holds come by it, as of `adapters`, and others in the prompt, which is how a
chat does it. `fine-tuning`: one adapter for all, trained on each batch as it comes, to the answers.

`retention`: of the first batch's questions that were right when it had been learnt, those that are right still.
`seconds`: of a processor, for training and its gate. `growth`: what the second half of the facts took, as a share of
what the first half took: 1 where it grows linearly. `docs/continual.svg` is drawn by `benchmarks.continual_plot`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from random import Random
from statistics import fmean

from benchmarks.continual_arms import Answering, FineTuned, Stored, job_of, stored
from benchmarks.harness import Report, finish, parse, progress
from memos.infrastructure.chat_models.adapting import (
    DistillationJob,
    DistillationSettings,
    Role,
    Thresholds,
)
from memos.operation.learning.clusters import Cluster, clustered
from memos.operation.learning.due import is_due
from memos.parametric.distiller import Distiller
from memos.parametric.recipe import Recipe
from tests.tiny_model.language import ATTRIBUTES, fresh_facts
from tests.tiny_model.loaded import tokenizer, trained_model
from tests.tiny_model.templates import TINY

FACTS, BATCHES = 500, 50
POINTS = 10
"""Of the curve."""
REPLAYED = 16
FIRST = ("adapters", "both", "fine-tuning")
STEPS, STEPS_A_FACT = 60, 3
ASKED = 60
"""Facts that are asked about at a point of the curve; all of them at the end."""
RECIPE = Recipe(contexts=4, made_up=32)
THRESHOLDS = Thresholds(locality=0.25)
"""A tiny model is sure of each word it knows; so little keeps all its answers as they were."""


class Learner:
    """Clusters and their adapters, as facts arrive.

    Attributes:
        answering: the facts, and the adapters that answer.
        seconds: of a processor, for training and its gate.
        trained: how many adapters were trained.
        refused: how many of them the gate refused.
    """

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.seconds = 0.0
        self.trained = self.refused = 0
        self._clusters: list[Cluster] = []
        self._right: dict[str, list[bool]] = {}

    def take(self, arriving: Sequence[Stored], *, is_last: bool) -> None:
        """Put facts into clusters, and learn those that are due; at the end all."""
        self._clusters = clustered(self._clusters, [each.clustered for each in arriving])
        for cluster in self._clusters:
            if is_due(cluster) or (is_last and cluster.unlearnt):
                self._learn(cluster)

    def retention(self, facts: Sequence[Stored]) -> float | None:
        """Of the questions about facts that were right when these were learnt, the share that are right still;
        None before they are learnt.
        """
        learnt = [each for each in facts if each.name in self._right]
        before = [right for each in learnt for right in self._right[each.name]]
        now = self.answering.by_adapters(learnt)
        stays = [still for still, was in zip(now, before, strict=True) if was]
        return fmean(stays) if stays else None

    def _learn(self, cluster: Cluster) -> None:
        held = cluster.cube_ids
        others = [each for each in self.answering.adapters if each not in held]
        replayed = Random(self.trained).sample(others, min(len(others), REPLAYED))
        job = self._job(held, replayed)
        started = time.process_time()
        trained = Distiller(trained_model(), tokenizer(), TINY, recipe=RECIPE).distil(job)
        self.seconds += time.process_time() - started
        self.trained += 1
        evaluation = trained.adapter.evaluation
        if not evaluation.passed:
            self.refused += 1
            progress(f"refused: {'; '.join(evaluation.refusals)}")
            return
        cluster.learnt = frozenset(held)
        self.answering.keep(held, trained)
        for name in held:
            if name not in self._right:
                self._right[name] = self.answering.by_adapters([self.answering.facts[name]])

    def _job(self, sources: Sequence[str], replayed: Sequence[str]) -> DistillationJob:
        lessons = [self.answering.facts[each].lesson(Role.SOURCE) for each in sources]
        lessons += [self.answering.facts[each].lesson(Role.REPLAYED) for each in replayed]
        settings = DistillationSettings(
            seed=self.trained,
            rank=8,
            learning_rate=5e-3,
            batch=16,
            retention_weight=1.0,
            steps=STEPS + STEPS_A_FACT * len(sources),
            thresholds=THRESHOLDS,
        )
        return job_of(lessons, settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """Learn as the facts arrive; the exit code."""
    options = parse("continual", __doc__, arguments)
    count = min(FACTS, options.sizes[0])
    chance = Random(0)
    drawn = fresh_facts(chance, count, len(ATTRIBUTES))
    facts = [stored(number, fact, chance) for number, fact in enumerate(drawn)]
    size = count // BATCHES
    batches = [facts[start : start + size] for start in range(0, count, size)]
    report, answering = Report(), Answering()
    learner, tuned = Learner(answering), FineTuned()
    for number, batch in enumerate(batches, 1):
        answering.store(batch)
        learner.take(batch, is_last=number == len(batches))
        tuned.learn(batch)
        if number % max(1, len(batches) // POINTS) == 0:
            _tell(report, learner, tuned, batches[0], is_last=number == len(batches))
    _figures(report)
    return finish(options, report)


def _tell(
    report: Report, learner: Learner, tuned: FineTuned, first: Sequence[Stored], *, is_last: bool
) -> None:
    """A point of the curve."""
    answering = learner.answering
    facts = list(answering.facts.values())
    asked = facts if is_last else Random(len(facts)).sample(facts, min(ASKED, len(facts)))
    arms = {
        "adapters": answering.by_adapters,
        "four mixed": answering.by_four_adapters,
        "retrieval": answering.by_retrieval,
        "both": answering.by_both,
        "fine-tuning": tuned.answers,
    }
    accuracies = {name: fmean(arm(asked)) for name, arm in arms.items()}
    report.row(
        facts=len(facts),
        kept=len(set(map(id, answering.adapters.values()))),
        trained=learner.trained,
        refused=learner.refused,
        bytes=answering.bytes,
        seconds=learner.seconds,
        **accuracies,
        retention=learner.retention(first),
    )
    report.rows[-1] |= {f"{name} (first)": fmean(arms[name](first)) for name in FIRST}
    progress(f"{len(facts)} facts: {', '.join(f'{n} {a:.3f}' for n, a in accuracies.items())}")


def _figures(report: Report) -> None:
    """What the targets are about."""
    middle, last = report.rows[len(report.rows) // 2 - 1], report.rows[-1]
    report.figures |= {
        "final accuracy": last["adapters"],
        "final accuracy, with retrieval": last["both"],
        "final accuracy, retrieval only": last["retrieval"],
        "final accuracy, fine-tuning": last["fine-tuning"],
        "retention of the first batch": last["retention"],
        "bytes, growth": last["bytes"] / middle["bytes"] - 1,
        "seconds, growth": last["seconds"] / middle["seconds"] - 1,
    }


if __name__ == "__main__":
    sys.exit(main())
