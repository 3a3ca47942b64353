"""A cluster is learnt when that is worth what it takes."""

from __future__ import annotations

from memos.operation.learning.clusters import Cluster, ClusterMemory
from memos.operation.learning.due import LEAST, PATIENCE, is_due


def cluster(memories: int, learnt: int = 0) -> Cluster:
    made = Cluster("all", learnt=frozenset(map(str, range(learnt))))
    for number in range(memories):
        made.add(
            ClusterMemory(cube_id=str(number), version=1, policy="all", terms=frozenset({number}))
        )
    return made


def test_a_new_cluster_waits_for_enough() -> None:
    assert not is_due(cluster(LEAST - 1))
    assert is_due(cluster(LEAST))


def test_a_cluster_that_is_learnt_waits_until_it_has_doubled_or_is_full() -> None:
    assert not is_due(cluster(LEAST + 10, LEAST), most=64)
    assert is_due(cluster(2 * LEAST, LEAST), most=64)
    assert not is_due(cluster(39, 20), most=64)
    assert is_due(cluster(40, 20), most=64)
    assert is_due(cluster(32, 31))
    assert not is_due(cluster(32, 32))


def test_all_trainings_of_a_cluster_take_no_more_than_two_of_the_last() -> None:
    learnt, trained = 0, []
    for memories in range(1, 257):
        if is_due(cluster(memories, learnt), most=256):
            learnt = memories
            trained.append(memories)
    assert learnt == 256
    assert sum(trained) <= 2 * trained[-1]


def test_what_has_waited_ten_trainings_waits_no_longer() -> None:
    assert not is_due(cluster(1), waited=PATIENCE * 5 - 1, training=5)
    assert is_due(cluster(1), waited=PATIENCE * 5, training=5)
    assert not is_due(cluster(1), waited=10**9, training=0)
    assert not is_due(cluster(1, 1), waited=10**9, training=5)
