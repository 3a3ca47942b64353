"""Lineage and taint: what content flowed where.

A *contribution* is a (cube, version): what one event put into a cube. Content flows from a version
along the edges that carry taint, and from the version that an append or a merge was composed from.
A clean overwrite supplies new content and so ends the flow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

from memos.kernel.cube import PartVersions


class Relation(IntEnum):
    """What the later end of an edge is to the earlier one."""

    DERIVED_FROM = 1
    MERGED_INTO = 2
    DISTILLED_INTO = 3
    CACHED_AS = 4
    QUOTED_FROM = 5
    SUPERSEDES = 6
    SAME_TEXT_AS = 7


CARRIES_TAINT = frozenset(
    {
        Relation.DERIVED_FROM,
        Relation.MERGED_INTO,
        Relation.DISTILLED_INTO,
        Relation.CACHED_AS,
        Relation.QUOTED_FROM,
    }
)

Contribution = tuple[bytes, int]


class Edge(NamedTuple):
    """Content flowed from `source` into `derived` (or: derived supersedes, or repeats, source)."""

    relation: Relation
    source: Contribution
    derived: Contribution
    source_digest: bytes = b""


class VersionFacts(NamedTuple):
    """What the walk needs of one version of a cube."""

    version: int
    parts: PartVersions
    composed_from: int


class VersionHistories(Protocol):
    """Where the walk reads: versions of a cube, oldest first, and what was derived from one."""

    def versions(self, cube_id: bytes) -> Sequence[VersionFacts]: ...

    def derived(self, cube_id: bytes, version: int) -> Iterable[Contribution]: ...


def taint(seeds: Iterable[Contribution], histories: VersionHistories) -> dict[bytes, set[int]]:
    """Everything that content of the seeds reached.

    Returns:
        For each cube reached, the versions that are tainted contributions.
    """
    tainted: dict[bytes, set[int]] = {}
    facts: dict[bytes, Sequence[VersionFacts]] = {}
    waiting = list(seeds)
    while waiting:
        cube_id, version = waiting.pop()
        reached = tainted.setdefault(cube_id, set())
        if version in reached:
            continue
        reached.add(version)
        if cube_id not in facts:
            facts[cube_id] = histories.versions(cube_id)
        carrying = {fact.version for fact in facts[cube_id] if fact.parts.content == version}
        waiting.extend(
            (cube_id, fact.version) for fact in facts[cube_id] if fact.composed_from in carrying
        )
        for carrier in sorted(carrying):
            waiting.extend(histories.derived(cube_id, carrier))
    return tainted


def clean_parts(
    history: Sequence[VersionFacts], tainted: Iterable[int]
) -> tuple[int, PartVersions] | None:
    """The newest state of a cube that holds nothing tainted.

    Later clean parts stay: each part comes from the newest version that had it clean.

    Returns:
        The version whose content it is, and which version supplies each part; None where the
        cube never had clean content.
    """
    bad = frozenset(tainted)
    parts = []
    to_version = 0
    for index in range(len(PartVersions._fields)):
        supplied = 0
        for fact in reversed(history):
            at = fact.parts[index]
            if at and at not in bad:
                supplied = at
                if index == 0:
                    to_version = fact.version
                break
        parts.append(supplied)
    return (to_version, PartVersions(*parts)) if parts[0] else None
