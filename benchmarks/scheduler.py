"""Which share of what could be saved do the scheduler's policies save, and what do their changes cost?

    python -m benchmarks.scheduler [--json FILE] [--check]

Requests use several memories together. `zipf` and `shifting` are those of `benchmarks.kv_chains`, where many
requests begin with the same memories: by Zipf's law with exponent 1, and with favourites that change ten
times. `independent` draws five memories a request, each by that law for itself. Three sets of each. The budget
is a tenth, a quarter or half of the bytes of all memories that are asked for; a policy decides every ten
requests, through the harness that replays a vault's access log. `memories`, `bytes` and `ms`: the share of the
uses, of their bytes and of their milliseconds of computing that were hits, as a share of the most that could
be, knowing all requests before (`memos.operation.scheduler.optimum` says what exactly; each of the three is
bounded for itself). `worst`: of the three sets, in milliseconds. `changes`: of form, for each 100 requests.
`paid`: the milliseconds of computing what came into activation form, as a share of those that were saved; the
use before a change has often just paid them. `nearness` is given vectors by which memories are near that stand
in the same chains. Without labels, the policy `labels` is `lru`.

`three_forms` decides on adapters, too, and has no such bound, for an adapter's bytes are not its memories'. It stands
beside `cost_aware` at the same bytes, a quarter of them for adapters: `saved`: the milliseconds of all uses that were hits,
`by adapters` those of them that came by one, `computed` and `trained`: what that took, and `net`: what is left, all as
shares of the milliseconds that the requests take where nothing is kept. `training`: a memory's share of what an adapter takes to train, in
milliseconds: as it is guessed before one was trained, and as it was measured.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from random import Random
from statistics import fmean

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Report, finish, parse, progress
from benchmarks.kv_chains import Chain, Node, Workload, chains, shifting, zipf
from memos.kernel.cube import Form
from memos.operation.scheduler.policies import (
    DEFAULT_LEARNING_POLICY,
    DEFAULT_POLICY,
    LEARNING_POLICIES,
    POLICIES,
)
from memos.operation.scheduler.port import RECENT_USES, Budget, Candidate, Snapshot, Use
from memos.operation.scheduler.replay import Replayed, Tally, UsedMemory, optimum, replay
from memos.operation.scheduler.topics import TOPICS

CHAINS, REQUESTS = 1_000, 3_000
SEEDS = (1, 2, 3)
SHARES = (0.1, 0.25, 0.5)
EVERY = 10
BYTES_A_TOKEN = 147_456
"""Of Qwen3-8B in bf16."""
COMPARED = ("cost_aware", "lfu", "lru", "nearness")
TOGETHER = 5
"""Memories that a request uses where each is drawn for itself."""
IN_ADAPTERS = 4
"""Of the bytes one part in so many is for adapters, where a policy decides on them."""
ADAPTER_BYTES = 3_540_000
"""A memory's share of an adapter of 32: of rank 16 on the MLPs of Qwen3-8B, in float32."""
TRAINING_MILLISECONDS = {"guessed": 2_160.0, "measured": 18_750.0}
"""Of an adapter's training, by `learning_costs` of a millisecond a token, and of the ten minutes in which a small model
learns one (`benchmarks.distill_smollm2`), a 32nd.
"""
WIDTH = 64
"""Of the vectors."""
SECOND = 1_000_000
_ALL_POLICIES = {**POLICIES, **LEARNING_POLICIES}


class Requests:
    """A workload as the harness replays it: every memory is there from the first request on, and stays as it is.

    Args:
        workload: the requests.
        tree: the memories.
        chance: of the vectors.
        training_milliseconds: a memory's share of an adapter's training.
    """

    def __init__(
        self,
        workload: Workload,
        tree: Sequence[Chain],
        chance: Random,
        training_milliseconds: float = 0.0,
    ) -> None:
        self._training_milliseconds = training_milliseconds
        self.accesses = [[_used(node) for node in chain] for chain in workload.requests]
        self._nodes = {node.key.hex(): node for node in nodes_of(tree)}
        self._vectors = _vectors(tree, list(self._nodes), chance)
        self._counted = 0
        self._uses: dict[str, list[Use]] = {}
        self._candidates: dict[str, Candidate] = {}
        self._rewind()

    def snapshot(self, accesses: int, forms: Mapping[str, Form], *, nearness: bool) -> Snapshot:
        """What a policy sees behind the first so many requests; they are asked for in their order."""
        if accesses < self._counted:
            self._rewind()
        for number in range(self._counted + 1, accesses + 1):
            for used in self.accesses[number - 1]:
                self._uses[used.cube_id].append(Use(number, number * SECOND))
                self._candidates[used.cube_id] = self._candidate(used.cube_id)
        self._counted = accesses
        candidates = [
            each if (form := forms.get(name, Form.PLAINTEXT)) is each.form
            else replace(each, form=form)
            for name, each in self._candidates.items()
        ]  # fmt: skip
        if nearness:
            near = self._nearness(accesses)
            candidates = [replace(each, nearness=near[each.cube_id]) for each in candidates]
        return Snapshot(candidates, accesses)

    def _rewind(self) -> None:
        self._counted = 0
        self._uses = {name: [] for name in self._nodes}
        self._candidates = {name: self._candidate(name) for name in self._nodes}

    def _candidate(self, name: str) -> Candidate:
        node, uses = self._nodes[name], self._uses[name]
        return Candidate(
            cube_id=name,
            version=1,
            content_version=1,
            tokens=node.tokens,
            bytes=node.tokens * BYTES_A_TOKEN,
            milliseconds=node.milliseconds,
            uses=len(uses),
            recent=tuple(uses[: -RECENT_USES - 1 : -1]),
            unchanged_uses=len(uses),
            adapter_bytes=ADAPTER_BYTES,
            training_milliseconds=self._training_milliseconds,
        )

    def _nearness(self, accesses: int) -> dict[str, float]:
        latest = (used.cube_id for each in self.accesses[accesses - 1 :: -1] for used in each)
        topics: dict[str, None] = {}
        for name in latest:
            topics[name] = None
            if len(topics) == TOPICS:
                break
        rows = {name: row for row, name in enumerate(self._nodes)}
        cosines = self._vectors @ self._vectors[[rows[name] for name in topics]].T
        return dict(zip(self._nodes, cosines.max(axis=1).tolist(), strict=True))


def _used(node: Node) -> UsedMemory:
    return UsedMemory(node.key.hex(), 1, node.tokens * BYTES_A_TOKEN, node.milliseconds)


def _vectors(
    tree: Sequence[Chain], names: Sequence[str], chance: Random
) -> npt.NDArray[np.float64]:
    """A unit vector a memory: its parent's, turned a little."""
    drawn = np.random.default_rng(chance.randrange(1 << 32))
    vectors: dict[str, npt.NDArray[np.float64]] = {}
    for chain in tree:
        before = np.zeros(WIDTH)
        for node in chain:
            name = node.key.hex()
            if name not in vectors:
                turned = before + drawn.standard_normal(WIDTH) / np.sqrt(WIDTH)
                vectors[name] = turned / np.linalg.norm(turned)
            before = vectors[name]
    return np.stack([vectors[name] for name in names])


def nodes_of(tree: Sequence[Chain]) -> list[Node]:
    """The memories of all chains, in one order."""
    return sorted({node for chain in tree for node in chain})


def independent(tree: Sequence[Chain], requests: int, chance: Random) -> Workload:
    """Memories by themselves: the r-th is drawn 1/r as often as the first, each once a request."""
    nodes = nodes_of(tree)
    chance.shuffle(nodes)
    weights = list(accumulate(1 / rank for rank in range(1, len(nodes) + 1)))
    asked: list[Chain] = []
    for _ in range(requests):
        drawn: dict[Node, None] = {}
        while len(drawn) < TOGETHER:
            drawn[chance.choices(nodes, cum_weights=weights)[0]] = None
        asked.append(tuple(drawn))
    return Workload("independent", asked)


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay the requests; the exit code."""
    options = parse("scheduler", __doc__, arguments)
    report = Report()
    trees = [chains(CHAINS, Random(seed)) for seed in SEEDS]
    for make in (zipf, shifting, independent):
        workloads = [
            make(tree, REQUESTS, Random(seed)) for tree, seed in zip(trees, SEEDS, strict=True)
        ]
        requests = [
            Requests(workload, tree, Random(seed))
            for workload, tree, seed in zip(workloads, trees, SEEDS, strict=True)
        ]
        for share in SHARES:
            _compare(report, workloads, requests, share)
        for share in (SHARES[0], SHARES[-1]):
            compare_forms(report, workloads, trees, share)
    for kind in ("zipf", "shifting", "independent"):
        report.figures[f"{kind}, worst {DEFAULT_POLICY} / optimum"] = min(
            figure
            for name, figure in report.figures.items()
            if name.startswith(f"{kind} ") and DEFAULT_POLICY in name
        )
    return finish(options, report)


def _compare(
    report: Report, workloads: Sequence[Workload], requests: Sequence[Requests], share: float
) -> None:
    """Every policy on workloads of one kind: their mean, and the worst of them."""
    kind = workloads[0].name
    progress(f"{kind}, a budget of {share:.0%}")
    budgets = [Budget(int(share * each.tokens) * BYTES_A_TOKEN) for each in workloads]
    bounds = [optimum(*each) for each in zip(requests, budgets, strict=True)]
    for name in COMPARED:
        replayed = [
            replay(each, POLICIES[name], budget, EVERY)
            for each, budget in zip(requests, budgets, strict=True)
        ]
        _tell(report, f"{kind} {share:.0%} {name}", replayed, bounds)


def compare_forms(
    report: Report, workloads: Sequence[Workload], trees: Sequence[Sequence[Chain]], share: float
) -> None:
    """Policies of two forms and of three at the same bytes, on workloads of one kind: their mean."""
    kind = workloads[0].name
    progress(f"{kind}, a budget of {share:.0%}, with adapters")
    for training in (None, *TRAINING_MILLISECONDS):
        name = DEFAULT_LEARNING_POLICY if training else DEFAULT_POLICY
        replayed = []
        for workload, tree, seed in zip(workloads, trees, SEEDS, strict=False):
            whole = int(share * workload.tokens) * BYTES_A_TOKEN
            adapters = whole // IN_ADAPTERS if training else 0
            milliseconds = TRAINING_MILLISECONDS[training] if training else 0.0
            requests = Requests(workload, tree, Random(seed), milliseconds)
            budget = Budget(whole - adapters, adapters if training else None)
            replayed.append(replay(requests, _ALL_POLICIES[name], budget, EVERY))
        _tell_forms(report, (kind, f"{share:.0%}", training, name), replayed)


def _tell_forms(
    report: Report, named: tuple[str, str, str | None, str], replayed: Sequence[Replayed]
) -> None:
    def mean(milliseconds: Callable[[Replayed], float]) -> float:
        return fmean(milliseconds(each) / each.requested.milliseconds for each in replayed)

    kind, share, training, policy = named
    saved = mean(lambda each: each.hits.milliseconds)
    computed = mean(lambda each: each.computed_milliseconds)
    trained = mean(lambda each: each.training_milliseconds)
    report.row(
        requests=kind,
        budget=share,
        training=training,
        policy=policy,
        saved=saved,
        by_adapters=mean(lambda each: each.learnt_hits.milliseconds),
        computed=computed,
        trained=trained,
        net=saved - computed - trained,
    )


def _tell(
    report: Report, named: str, replayed: Sequence[Replayed], bounds: Sequence[Tally]
) -> None:
    shares = [each.hits.as_share_of(most) for each, most in zip(replayed, bounds, strict=True)]
    worst = min(each.milliseconds for each in shares)
    report.figures[f"{named} / optimum"] = worst
    kind, share, policy = named.split()
    report.row(
        requests=kind,
        budget=share,
        policy=policy,
        hit_rate=fmean(each.hit_rates.milliseconds for each in replayed),
        memories=fmean(each.uses for each in shares),
        bytes=fmean(each.bytes for each in shares),
        ms=fmean(each.milliseconds for each in shares),
        worst=worst,
        changes=round(100 * fmean(each.changes for each in replayed) / REQUESTS),
        paid=fmean(each.computed_milliseconds / each.hits.milliseconds for each in replayed),
    )


if __name__ == "__main__":
    sys.exit(main())
