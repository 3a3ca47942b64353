"""The bound is never below what some choice saves, and is exact where there is room for all or none."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from random import Random

import pytest

from memos.operation.scheduler.optimum import Kept, most_saved


def accesses(chance: Random, count: int) -> list[list[Kept]]:
    memories = [Kept(name, chance.randint(1, 9), float(chance.randint(1, 20))) for name in "abcdef"]
    return [chance.sample(memories, chance.randint(1, 2)) for _ in range(count)]


def best_by_trial(asked: Sequence[Sequence[Kept]], budget: int) -> float:
    """What the best choice of reuses saves that fits at every moment, by trying all."""
    last: dict[str, int] = {}
    reuses: list[tuple[Kept, int, int]] = []
    for moment, used in enumerate(asked):
        for kept in used:
            if kept.key in last:
                reuses.append((kept, last[kept.key], moment))
            last[kept.key] = moment
    best = 0.0
    for taken in product((False, True), repeat=len(reuses)):
        chosen = [reuse for reuse, is_taken in zip(reuses, taken, strict=True) if is_taken]
        loads = (
            sum(kept.bytes for kept, start, end in chosen if start <= moment < end)
            for moment in range(len(asked))
        )
        if max(loads, default=0) <= budget:
            best = max(best, sum(kept.value for kept, _, _ in chosen))
    return best


def test_no_choice_saves_more_than_the_bound_and_the_bound_is_near() -> None:
    shares = []
    for seed in range(40):
        asked = accesses(Random(seed), 7)
        budget = Random(seed).randint(4, 14)
        best, bound = best_by_trial(asked, budget), most_saved(asked, budget)
        assert bound >= best - 1e-9
        shares.append(best / bound if bound else 1.0)
    assert sum(shares) / len(shares) > 0.85


def test_with_room_for_all_every_reuse_is_saved_and_with_none_nothing() -> None:
    asked = accesses(Random(1), 30)
    seen: set[str] = set()
    again = 0.0
    for used in asked:
        again += sum(kept.value for kept in used if kept.key in seen)
        seen |= {kept.key for kept in used}
    assert most_saved(asked, 1_000) == pytest.approx(again)
    assert most_saved(asked, 0) == 0.0
    assert most_saved([], 100) == most_saved(asked[:1], 100) == 0.0
