"""Which clusters are learnt now: a cluster that grows is learnt again, and each time costs as much as the last."""

from __future__ import annotations

from memos.operation.learning.clusters import MOST_MEMORIES, Cluster

LEAST = 16
"""Memories for which an adapter is trained while more are awaited."""
PATIENCE = 10.0
"""How much longer than training takes a memory is awaited before it is learnt: training takes no more than a
tenth of the time then, however slowly memories come."""


def is_due(
    cluster: Cluster,
    most: int = MOST_MEMORIES,
    *,
    waited: float = 0.0,
    training: float = 0.0,
) -> bool:
    """Whether a cluster is learnt now: it has as many memories that are not learnt as learnt ones, so that all
    trainings together take no more than two of the last; or it is full; or one of them has waited long.

    Args:
        cluster: which.
        most: how many memories a cluster has at most.
        waited: for how long the oldest that is not learnt has been there (seconds).
        training: how long training takes (seconds); 0 where that is not known.
    """
    if not cluster.unlearnt:
        return False
    if len(cluster.memories) >= most:
        return True
    if training and waited >= PATIENCE * training:
        return True
    return cluster.unlearnt >= max(LEAST, len(cluster.memories) - cluster.unlearnt)
