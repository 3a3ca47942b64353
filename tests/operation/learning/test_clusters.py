"""Memories find their clusters, and stay there."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from memos.operation.learning.clusters import (
    MOST_OPEN,
    Cluster,
    ClusterMemory,
    alike,
    clustered,
)

CITY, COLOUR, FOOD = 1, 2, 3


def about(
    name: str, *terms: int, policy: str = "all", vector: Sequence[float] | None = None
) -> ClusterMemory:
    return ClusterMemory(
        cube_id=name, version=1, policy=policy, terms=frozenset(terms), vector=vector
    )


def ids(clusters: Sequence[Cluster]) -> list[tuple[str, ...]]:
    return [each.cube_ids for each in clusters]


def arriving(count: int, seed: int = 0) -> list[ClusterMemory]:
    """Facts: one of a few attributes, somebody, and a value."""
    chance = Random(seed)
    return [
        about(f"{n:04}", chance.randrange(10), 100 + chance.randrange(300), 1_000 + chance.randrange(240),
              policy=chance.choice(["open", "closed"]))
        for n in range(count)
    ]  # fmt: skip


def test_what_is_about_the_same_is_together() -> None:
    memories = [
        about("a", CITY, 11),
        about("b", COLOUR, 12),
        about("c", CITY, 13),
        about("d", COLOUR, 14),
    ]
    assert ids(clustered([], memories)) == [("a", "c"), ("b", "d")]


def test_embeddings_decide_where_there_are_any() -> None:
    memories = [
        about("a", CITY, vector=(1.0, 0.0)),
        about("b", CITY, vector=(0.0, 1.0)),
        about("c", COLOUR, vector=(0.6, 0.8)),
    ]
    assert ids(clustered([], memories)) == [("a",), ("b", "c")]


def test_nothing_that_arrives_later_moves_a_memory() -> None:
    memories = arriving(300)
    whole = clustered([], memories)
    for cut in (1, 7, 40, 150, 299):
        before = ids(clustered([], memories[:cut]))
        assert [
            each[: len(first)] for each, first in zip(ids(whole), before, strict=False)
        ] == before
        assert ids(clustered(clustered([], memories[:cut]), memories[cut:])) == ids(whole)


def test_a_cluster_is_of_one_policy_and_has_as_many_memories_as_fit() -> None:
    for seed in range(5):
        memories = arriving(400, seed)
        clusters = clustered([], memories, most=16)
        assert sorted(each for cluster in clusters for each in cluster.cube_ids) == [
            each.cube_id for each in memories
        ]
        for cluster in clusters:
            assert {each.policy for each in cluster.memories} == {cluster.policy}
            assert len(cluster.memories) <= 16
        for policy in ("open", "closed"):
            with_room = [
                each for each in clusters if each.policy == policy and len(each.memories) < 16
            ]
            assert len(with_room) <= MOST_OPEN


def test_a_memory_that_is_near_to_nothing_founds_a_cluster_until_enough_are_open() -> None:
    memories = [about(f"{n}", 100 + n) for n in range(MOST_OPEN + 2)]
    clusters = clustered([], memories)
    assert len(clusters) == MOST_OPEN
    assert clusters[0].cube_ids == ("0", "4", "5")


def test_a_cluster_knows_what_of_it_is_learnt() -> None:
    standing = Cluster("all", adapter="adapter", learnt=frozenset("a"))
    standing.add(about("a", CITY))
    (grown,) = clustered([standing], [about("b", CITY)])
    assert (grown.cube_ids, grown.unlearnt, grown.adapter) == (("a", "b"), 1, "adapter")


def test_clusters_about_the_same_are_a_pair_if_they_have_room_for_each_other() -> None:
    def cluster(policy: str, *memories: ClusterMemory) -> Cluster:
        made = Cluster(policy)
        for memory in memories:
            made.add(memory)
        return made

    first = cluster("all", about("a", CITY, FOOD), about("b", CITY, FOOD))
    other = cluster("all", about("c", COLOUR))
    same = cluster("all", about("d", CITY, FOOD))
    foreign = cluster("few", about("e", CITY, FOOD))
    third = cluster("all", about("f", CITY, FOOD))
    assert alike([first, other, same, foreign, third]) == [(first, same)]
    assert alike([first, same], most=2) == []
