"""Clusters: related memories that are learnt together, each memory in one.

A cluster is of one scope and one policy: who may do what with its memories, and when these end, is the same
for all of them. Memories are taken in the order in which they arrived, and where one belongs depends on those
before it alone: nothing that comes later moves it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MOST_MEMORIES = 32
"""In a cluster: the more facts an adapter holds, the less of each is learnt."""
MOST_OPEN = 4
"""Clusters of a policy that have room. Each that grows is learnt again, so the fewer the cheaper."""
FEW = 8
"""Memories that a cluster has at least before another is founded beside it: an adapter of few costs as much."""
NEAR = 0.1
"""The least nearness, from 0 to 1, at which a memory joins a cluster while another one may be founded."""
ALIKE = 0.6
"""The least likeness, from 0 to 1, of clusters that are about the same."""

Vector = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterMemory:
    """A memory as it is put into a cluster.

    Attributes:
        cube_id, version: which it is.
        policy: equal for memories that may be learnt together.
        terms: what it is about: hashes of subjects, and of words that are no stop words.
        vector: its embedding, of length 1; None where there is none.
    """

    cube_id: str
    version: int
    policy: str
    terms: frozenset[int]
    vector: Vector | None = None


@dataclass(slots=True)
class Cluster:
    """Memories that are learnt together.

    Attributes:
        policy: of all of them.
        adapter: the cube of their adapter; empty where there is none yet.
        learnt: the ids of those that it holds.
        memories: in the order in which they joined.
    """

    policy: str
    adapter: str = ""
    learnt: frozenset[str] = frozenset()
    memories: list[ClusterMemory] = field(default_factory=list)
    _counts: Counter[int] = field(default_factory=Counter, repr=False)
    _sum: list[float] = field(default_factory=list, repr=False)

    @property
    def cube_ids(self) -> tuple[str, ...]:
        """Its memories, in order."""
        return tuple(each.cube_id for each in self.memories)

    @property
    def unlearnt(self) -> int:
        """How many of its memories no adapter holds."""
        return sum(each.cube_id not in self.learnt for each in self.memories)

    def add(self, memory: ClusterMemory) -> None:
        """Take a memory in."""
        self.memories.append(memory)
        self._counts.update(memory.terms)
        if memory.vector is not None:
            before = self._sum or [0.0] * len(memory.vector)
            self._sum = [a + b for a, b in zip(before, memory.vector, strict=True)]

    def nearness(self, memory: ClusterMemory, weights: Mapping[int, float]) -> float:
        """From 0 to 1: the cosine of the embeddings where both have one, or else the weight of the memory's
        terms that the cluster's memories share, as a share of the weight of all of them.
        """
        if memory.vector is not None and self._sum:
            return max(0.0, _cosine(memory.vector, self._sum))
        whole = math.fsum(weights.values())
        shared = math.fsum(weight * self._counts[term] for term, weight in weights.items())
        return shared / (whole * len(self.memories)) if whole else 0.0

    def likeness(self, other: Cluster) -> float:
        """From 0 to 1: the cosine of the mean embeddings, or else of how often the terms occur."""
        if self._sum and other._sum:
            return max(0.0, _cosine(self._sum, other._sum))
        both = sorted(self._counts.keys() | other._counts.keys())
        return _cosine(
            [self._counts[term] for term in both], [other._counts[term] for term in both]
        )


def clustered(
    standing: Iterable[Cluster], arriving: Iterable[ClusterMemory], most: int = MOST_MEMORIES
) -> list[Cluster]:
    """Put memories into clusters. Each joins the nearest one of its policy that has room, of equals the
    smallest. Where none is near, it founds one, unless MOST_OPEN have room or one of these has FEW yet.

    Args:
        standing: clusters that are there; they are grown.
        arriving: memories, in the order in which they arrived; none of them is in a cluster yet.
        most: how many memories a cluster has at most.

    Returns:
        The clusters, those that stood first.
    """
    clusters = [each for each in standing if each.memories]
    seen = [memory for cluster in clusters for memory in cluster.memories]
    known = Counter(term for memory in seen for term in memory.terms)
    for count, memory in enumerate(arriving, len(seen) + 1):
        known.update(memory.terms)
        weights = {term: math.log1p(count / known[term]) for term in memory.terms}
        _place(clusters, memory, weights, most).add(memory)
    return clusters


def _place(
    clusters: list[Cluster], memory: ClusterMemory, weights: Mapping[int, float], most: int
) -> Cluster:
    """The cluster that a memory joins."""
    with_room = [
        each for each in clusters if each.policy == memory.policy and len(each.memories) < most
    ]
    near = [each.nearness(memory, weights) for each in with_room]
    least = min((len(each.memories) for each in with_room), default=FEW)
    if with_room and (max(near) >= NEAR or len(with_room) >= MOST_OPEN or least < FEW):
        nearest = max(range(len(near)), key=lambda n: (near[n], -len(with_room[n].memories), -n))
        return with_room[nearest]
    clusters.append(Cluster(memory.policy))
    return clusters[-1]


def alike(clusters: Sequence[Cluster], most: int = MOST_MEMORIES) -> list[tuple[Cluster, Cluster]]:
    """Clusters that are about the same and have room for each other, each in one pair at most.

    Args:
        clusters: to look at.
        most: how many memories a cluster has at most.
    """
    pairs: list[tuple[Cluster, Cluster]] = []
    waiting = list(clusters)
    while waiting:
        one = waiting.pop(0)
        fitting = (
            other
            for other in waiting
            if other.policy == one.policy
            and len(one.memories) + len(other.memories) <= most
            and one.likeness(other) >= ALIKE
        )
        other = next(fitting, None)
        if other is not None:
            waiting.remove(other)
            pairs.append((one, other))
    return pairs


def _cosine(one: Vector, other: Vector) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0
