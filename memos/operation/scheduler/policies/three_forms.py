"""Adapters for what pays for its training, the activation form for what else is used.

How often a memory will still be used as it is now is not known; a good guess is: as often as it was since it
last changed (what has lasted so long lasts as long again, as of Lindy's law), less where it changed before,
and less where its end is near. Each of these uses saves computing its tokens. Training pays where they save more
milliseconds than it takes. What is in an adapter stays there until they come to a tenth of that: training it is
paid, and to train an adapter again for each memory that is used a little less would not pay.
"""

from __future__ import annotations

from functools import partial

from memos.kernel.cube import Form
from memos.operation.scheduler.learning import decisions_on_three_forms
from memos.operation.scheduler.policies.cost_aware import HALF_LIFE, CostAware
from memos.operation.scheduler.port import Budget, Candidate, Decision, Snapshot
from memos.operation.scheduler.ranking import Worth

STAYS = 0.1
"""The share of its training that the uses to come of a memory must save, for it to stay in an adapter."""


class ThreeForms:
    """What is stable and used pays for its training and is learnt; all else is decided on as by `cost_aware`."""

    name = "three_forms@1"
    asks_nearness = False

    def decide(self, snapshot: Snapshot, budget: Budget) -> list[Decision]:
        learnt = partial(_worth, snapshot.accesses)
        return decisions_on_three_forms(snapshot, budget, learnt, CostAware())


def _worth(accesses: int, candidate: Candidate) -> Worth | None:
    uses = _uses_to_come(accesses, candidate)
    saved = uses * candidate.milliseconds
    needed = candidate.training_milliseconds
    if candidate.form is Form.PARAMETRIC:
        needed *= STAYS
    if not uses or saved < needed:
        return None
    end = "no end set" if candidate.remaining is None else "an end set"
    reason = (
        f"used {candidate.unchanged_uses:,} times since it last changed, changed {candidate.changes:,} times, "
        f"{end}: about {uses:.3g} uses to come save {uses * candidate.tokens:,.0f} tokens, {saved:.3g} ms"
    )
    return Worth((saved / max(1, candidate.adapter_bytes),), reason)


def _uses_to_come(accesses: int, candidate: Candidate) -> float:
    if not candidate.recent:
        return 0.0
    recency: float = 0.5 ** ((accesses - candidate.recent[0].access) / HALF_LIFE)
    uses = recency * candidate.unchanged_uses / (1 + candidate.changes)
    if candidate.remaining is None or candidate.remaining >= candidate.unchanged:
        return uses
    return uses * max(0, candidate.remaining) / candidate.unchanged
