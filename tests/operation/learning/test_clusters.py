"""Memories find their clusters, and stay there."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from memos.operation.learning.clusters import (
    FEW,
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
    cities = [about(f"city {n}", CITY, 100 + n) for n in range(FEW + 2)]
    colours = [about(f"colour {n}", COLOUR, 200 + n) for n in range(FEW)]
    mixed = [*cities[:FEW], colours[0], cities[FEW], colours[1], cities[FEW + 1], *colours[2:]]
    assert ids(clustered([], mixed)) == [
        tuple(each.cube_id for each in cities),
        tuple(each.cube_id for each in colours),
    ]


def test_few_are_together_whatever_they_are_about() -> None:
    memories = [about(f"{n}", n) for n in range(FEW)]
    assert ids(clustered([], memories)) == [tuple(each.cube_id for each in memories)]


def test_embeddings_decide_where_there_are_any() -> None:
    first = [about(f"{n}", CITY, vector=(1.0, 0.0)) for n in range(FEW)]
    other, near = about("b", CITY, vector=(0.0, 1.0)), about("c", COLOUR, vector=(0.6, 0.8))
    standing = clustered([], first)
    standing.append(Cluster("all"))
    standing[1].add(other)
    assert ids(clustered(standing, [near]))[1] == ("b", "c")


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
    memories = [about(f"{n:03}", 100 + n) for n in range(10 * FEW)]
    sizes = [len(each.memories) for each in clustered([], memories, most=1_000)]
    assert len(sizes) == MOST_OPEN
    assert min(sizes) >= FEW


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
