"""What the benchmark of the scheduler replays is what it says."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.harness import Report
from benchmarks.kv_chains import chains, zipf
from benchmarks.scheduler import TOGETHER, Requests, compare_forms, independent, nodes_of
from memos.operation.scheduler.policies import POLICIES
from memos.operation.scheduler.port import Budget
from memos.operation.scheduler.replay import optimum, replay


def test_every_policy_is_replayed_on_the_same_requests_and_within_the_bound() -> None:
    tree = chains(30, Random(1))
    requests = Requests(zipf(tree, 200, Random(1)), tree, Random(1))
    budget = Budget(sum(node.tokens for node in nodes_of(tree)) * 147_456 // 4)
    most = optimum(requests, budget)
    for name in ("lru", "cost_aware", "lfu"):
        first = replay(requests, POLICIES[name], budget, 10)
        assert replay(requests, POLICIES[name], budget, 10) == first
        assert 0 < first.hits.milliseconds <= most.milliseconds
        assert 0 < first.hits.uses <= most.uses
    near = replay(requests, POLICIES["nearness"], budget, 10)
    assert near.requested == first.requested


def test_independent_requests_draw_each_memory_once_and_the_first_most_often() -> None:
    tree = chains(30, Random(1))
    workload = independent(tree, 400, Random(2))
    counts: dict[bytes, int] = {}
    for asked in workload.requests:
        assert len(set(asked)) == len(asked) == TOGETHER
        for node in asked:
            counts[node.key] = counts.get(node.key, 0) + 1
    often = sorted(counts.values(), reverse=True)
    assert often[0] > 3 * often[10]


def test_three_forms_are_compared_at_the_same_bytes_and_pay_for_training() -> None:
    tree = chains(30, Random(1))
    report = Report()
    compare_forms(report, [zipf(tree, 400, Random(1))], [tree], 0.25)
    assert [(row["training"], row["policy"]) for row in report.rows] == [
        (None, "cost_aware"),
        ("guessed", "three_forms"),
        ("measured", "three_forms"),
    ]
    plain, guessed, measured = report.rows
    assert plain["by adapters"] == plain["trained"] == 0
    assert 0 < guessed["by adapters"] <= guessed["saved"]
    assert guessed["by adapters"] > measured["by adapters"]
    for row in report.rows:
        assert row["net"] == pytest.approx(row["saved"] - row["computed"] - row["trained"])
