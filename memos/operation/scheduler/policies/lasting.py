"""Adapters for all that lasts, whether it was used or not: for what is to be known by heart."""

from __future__ import annotations

from memos.operation.scheduler.learning import decisions_on_three_forms
from memos.operation.scheduler.policies.cost_aware import CostAware
from memos.operation.scheduler.port import Budget, Candidate, Decision, Snapshot
from memos.operation.scheduler.ranking import Worth


class Lasting:
    """What has no end set is learnt, what has changed least first; all else is decided on as by `cost_aware`."""

    name = "lasting@1"
    asks_nearness = False

    def decide(self, snapshot: Snapshot, budget: Budget) -> list[Decision]:
        return decisions_on_three_forms(snapshot, budget, _worth, CostAware())


def _worth(candidate: Candidate) -> Worth | None:
    if candidate.remaining is not None:
        return None
    return Worth((-candidate.changes,), f"no end is set, changed {candidate.changes:,} times")
