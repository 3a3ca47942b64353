"""Least frequently used: what was used most often is kept. It never forgets."""

from __future__ import annotations

from memos.operation.scheduler.port import Budget, Candidate, Decision, Snapshot
from memos.operation.scheduler.ranking import Worth, decisions_by_worth


class Lfu:
    """What was used most is worth most, of equals what was used last; what was never used, nothing."""

    name = "lfu@1"
    asks_nearness = False

    def decide(self, snapshot: Snapshot, budget: Budget) -> list[Decision]:
        return decisions_by_worth(snapshot, budget, _worth)


def _worth(candidate: Candidate) -> Worth | None:
    if not candidate.recent:
        return None
    return Worth((candidate.uses, candidate.recent[0].access), f"used {candidate.uses:,} times")
