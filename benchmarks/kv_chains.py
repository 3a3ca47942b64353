"""Requests for chains of segments, and the most that any pool could save of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from random import Random
from typing import NamedTuple

TOKENS = (8, 600)
"""The fewest and the most of a segment."""
BRANCHES, DEPTH = (2, 5), (2, 5)
"""How many segments follow one another, and stand behind one."""
MILLISECONDS_A_TOKEN, POSITIONS_TO_DOUBLE, MILLISECONDS_A_CALL = 1.0, 4_000, 5.0
"""What computing is taken to cost: about a small model on two cores, as benchmarks/kv_ttft.py has it."""


class Node(NamedTuple):
    """A segment that chains go through: its key, its parent's, and what computing it takes."""

    key: bytes
    parent: bytes
    start: int
    tokens: int
    milliseconds: float


Chain = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests for chains of one tree, in their order."""

    name: str
    requests: Sequence[Chain]

    @property
    def tokens(self) -> int:
        """Of all segments that are asked for at all."""
        return sum(node.tokens for node in {node for chain in self.requests for node in chain})

    @property
    def milliseconds(self) -> float:
        """What computing everything each time would take."""
        return sum(node.milliseconds for chain in self.requests for node in chain)


def chains(count: int, chance: Random) -> list[Chain]:
    """Chains of several trees, that share what stands at their beginning, in any order."""
    made: list[Chain] = []
    while len(made) < count:
        root = _node((), len(made), chance)
        made += _grown((root,), chance.randint(*DEPTH), chance)
    chance.shuffle(made)
    return made[:count]


def zipf(all_chains: Sequence[Chain], requests: int, chance: Random) -> Workload:
    """The r-th chain is asked for 1/r as often as the first."""
    weights = _zipf_weights(len(all_chains))
    return Workload("zipf", chance.choices(all_chains, cum_weights=weights, k=requests))


def shifting(all_chains: Sequence[Chain], requests: int, chance: Random) -> Workload:
    """As `zipf`, but ten times other chains become those that are asked for most."""
    weights = _zipf_weights(len(all_chains))
    asked: list[Chain] = []
    for _ in range(10):
        order = chance.sample(list(all_chains), len(all_chains))
        asked += chance.choices(order, cum_weights=weights, k=requests // 10)
    return Workload("shifting", asked)


def most_saved(workload: Workload, capacity: int) -> float:
    """Milliseconds that no pool of `capacity` tokens saves more of, even if it knows all requests before.

    To be a hit, a segment must be kept from the request before that has it: its tokens, for as many
    requests. All that a pool keeps, it keeps within capacity × requests. The bound takes the reuses
    that save most for each token and request until that product is used up, the last one in part.
    It is too high, for it need not keep within the capacity at every moment, nor a parent with its
    child (after PFOO, Berger, Beckmann and Harchol-Balter 2018).
    """
    last: dict[bytes, int] = {}
    reuses: list[tuple[float, float]] = []
    for moment, chain in enumerate(workload.requests):
        for node in chain:
            if node.key in last:
                reuses.append((node.milliseconds, node.tokens * (moment - last[node.key])))
            last[node.key] = moment
    room = float(capacity * (len(workload.requests) - 1))
    saved = 0.0
    for milliseconds, kept in sorted(reuses, key=lambda reuse: reuse[0] / reuse[1], reverse=True):
        share = min(1.0, room / kept)
        saved += share * milliseconds
        room -= share * kept
        if share < 1:
            break
    return saved


def _grown(chain: Chain, depth: int, chance: Random) -> list[Chain]:
    if not depth:
        return [chain]
    grown: list[Chain] = []
    for number in range(chance.randint(*BRANCHES)):
        grown += _grown((*chain, _node(chain, number, chance)), depth - 1, chance)
    return grown


def _node(chain: Chain, number: int, chance: Random) -> Node:
    parent = chain[-1].key if chain else b""
    start = chain[-1].start + chain[-1].tokens if chain else 0
    fewest, most = TOKENS
    tokens = min(most, max(fewest, int(chance.lognormvariate(4.2, 0.8))))
    slower = 1 + (start + tokens / 2) / POSITIONS_TO_DOUBLE
    milliseconds = MILLISECONDS_A_CALL + tokens * MILLISECONDS_A_TOKEN * slower
    key = sha256(parent + number.to_bytes(4, "big")).digest()
    return Node(key, parent, start, tokens, milliseconds)


def _zipf_weights(count: int) -> list[float]:
    return list(accumulate(1 / rank for rank in range(1, count + 1)))
