"""Cuts through a log of several partitions, compared and put in order."""

from __future__ import annotations

from collections.abc import Iterable

from memos.infrastructure.log.port import Cut


def ascending(cuts: Iterable[Cut], end: Cut) -> list[Cut]:
    """Cuts in order, each widened to hold the one before it; `end` is the last."""
    ordered: list[Cut] = []
    reached: Cut = dict.fromkeys(end, 0)
    for cut in sorted(cuts, key=lambda cut: (sum(cut.values()), sorted(cut.items()))):
        wide = {p: min(max(at, cut.get(p, 0)), end[p]) for p, at in reached.items()}
        if wide != reached or not ordered:
            ordered.append(wide)
            reached = wide
    if not ordered or ordered[-1] != end:
        ordered.append(end)
    return ordered


def holds(wide: Cut, cut: Cut) -> bool:
    """Whether a cut holds another."""
    return all(at <= wide.get(partition, 0) for partition, at in cut.items())
