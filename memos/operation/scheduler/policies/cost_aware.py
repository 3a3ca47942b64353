"""Milliseconds saved per byte, times uses, where older uses count for less.

The value is that of GreedyDual-Size with Frequency (Cherkasova 1998). That ages by a clock that moves with
each eviction, which a decision of one moment does not have; here a use counts half after HALF_LIFE accesses
(exponential decay, as in LRFU, Lee et al. 2001), and what was used much and long ago goes all the same.
"""

from __future__ import annotations

from functools import partial

from memos.operation.scheduler.port import Budget, Candidate, Decision, Snapshot
from memos.operation.scheduler.ranking import Worth, decisions_by_worth

HALF_LIFE = 500
"""Accesses. Longer saves no more where favourites stay, and less where they change (docs/decisions/0042)."""
MEGABYTE = 1_000_000


class CostAware:
    """What saves most milliseconds for each byte, at the rate at which it was used of late."""

    name = "cost_aware@1"
    asks_nearness = False

    def decide(self, snapshot: Snapshot, budget: Budget) -> list[Decision]:
        return decisions_by_worth(snapshot, budget, partial(_worth, snapshot.accesses))


def _worth(accesses: int, candidate: Candidate) -> Worth | None:
    if not candidate.recent:
        return None
    uses = sum(0.5 ** ((accesses - use.access) / HALF_LIFE) for use in candidate.recent)
    saved = uses * candidate.milliseconds / max(1, candidate.bytes)
    return Worth(
        (saved,), f"used {candidate.uses:,} times, saves {saved * MEGABYTE:.3g} ms for each MB kept"
    )
