"""Nearness: what means about the same as what was used last is kept, before anybody asks for it."""

from __future__ import annotations

from memos.operation.scheduler.port import Budget, Candidate, Decision, Snapshot
from memos.operation.scheduler.ranking import Worth, decisions_by_worth


class Nearness:
    """What is nearest to the memories that were used last is worth most; what is not near at all, or not
    embedded yet, nothing.
    """

    name = "nearness@1"
    asks_nearness = True

    def decide(self, snapshot: Snapshot, budget: Budget) -> list[Decision]:
        return decisions_by_worth(snapshot, budget, _worth)


def _worth(candidate: Candidate) -> Worth | None:
    if candidate.nearness is None or candidate.nearness <= 0:
        return None
    return Worth((candidate.nearness,), f"nearness {candidate.nearness:.2f} to what was used last")
