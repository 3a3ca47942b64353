"""Of memories that say the same thing, the newest valid one first."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from datetime import datetime

from memos.operation.search.hits import Hit


def newest_first(
    hits: Sequence[Hit],
    terms: Callable[[str], frozenset[int]],
    superseded: Set[str],
    read_time: datetime,
) -> list[Hit]:
    """Hits in their order, but among those that say the same thing the newest valid one first.

    Two say the same thing where at least half of the terms of both are shared. Members of such a
    group share out the group's ranks: first what nothing supersedes, then what is true at the read
    time, then by when it became true; what does not say when comes last, by its last change.

    Args:
        hits: best first.
        terms: the ranked terms of a text.
        superseded: the ids of what a hit supersedes.
        read_time: when they are read.
    """
    groups: list[tuple[frozenset[int], list[int]]] = []
    for rank, hit in enumerate(hits):
        own = terms(hit.text)
        same = next((ranks for leader, ranks in groups if alike(leader, own)), None)
        if same is None:
            groups.append((own, [rank]))
        else:
            same.append(rank)
    ordered = list(hits)
    for _, ranks in groups:
        members = sorted(
            (hits[rank] for rank in ranks), key=lambda hit: _age(hit, superseded, read_time)
        )
        for rank, hit in zip(ranks, members, strict=True):
            ordered[rank] = hit
    return ordered


def alike(one: frozenset[int], other: frozenset[int]) -> bool:
    """Whether texts of these terms say the same thing: at least half of the terms of both are shared."""
    return len(one) > 1 and 2 * len(one & other) >= len(one | other)


def _age(hit: Hit, superseded: Set[str], read_time: datetime) -> tuple[bool, bool, bool, float]:
    """The key that sorts the newest valid hit first; valid time is never compared with log time."""
    over = hit.valid_until is not None and hit.valid_until <= read_time
    early = hit.valid_from is not None and hit.valid_from > read_time
    undated = hit.valid_from is None
    began = hit.valid_from or hit.changed
    return hit.cube_id in superseded, over or early, undated, -began.timestamp()
