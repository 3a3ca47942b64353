"""Least recently used: what was used last is kept."""

from __future__ import annotations

from memos.operation.cube import as_datetime
from memos.operation.scheduler.port import Budget, Candidate, Decision, Snapshot
from memos.operation.scheduler.ranking import Worth, decisions_by_worth


class Lru:
    """What was used last is worth most; what was never used, nothing."""

    name = "lru@1"
    asks_nearness = False

    def decide(self, snapshot: Snapshot, budget: Budget) -> list[Decision]:
        return decisions_by_worth(snapshot, budget, _worth)


def _worth(candidate: Candidate) -> Worth | None:
    if not candidate.recent:
        return None
    last = candidate.recent[0]
    return Worth((last.access,), f"last used {as_datetime(last.time):%Y-%m-%d %H:%M:%S}Z")
