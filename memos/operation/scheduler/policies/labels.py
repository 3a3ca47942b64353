"""What people have said of a memory decides: its tags and its priority."""

from __future__ import annotations

from memos.operation.reads.pinned_memories import PINNED, POLICY
from memos.operation.scheduler.port import Budget, Candidate, Decision, Snapshot
from memos.operation.scheduler.ranking import Worth, decisions_by_worth

_RANK = {POLICY: 2, PINNED: 1}
"""As a pinned block has them: policy before what is merely pinned."""


class Labels:
    """What is tagged `policy`, then what is tagged `pinned`, then by priority, whether it was used or not.
    What has no label is kept where it was used and there is room, what was used last first.
    """

    name = "labels@1"
    asks_nearness = False

    def decide(self, snapshot: Snapshot, budget: Budget) -> list[Decision]:
        return decisions_by_worth(snapshot, budget, _worth)


def _worth(candidate: Candidate) -> Worth | None:
    rank, tag = max(
        ((_RANK[tag], tag) for tag in candidate.tags if tag in _RANK), default=(0, "no label")
    )
    if not (rank or candidate.priority > 0 or candidate.recent):
        return None
    last = candidate.recent[0].access if candidate.recent else 0
    reason = f"tagged {tag}" if rank else tag
    return Worth((rank, candidate.priority, last), f"{reason}, priority {candidate.priority}")
