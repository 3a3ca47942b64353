"""Lineage and taint: what content flowed where.

A *contribution* is a (cube, version): what one event put into a cube. Content flows from a version
along the edges that carry taint, and from the version that an append or a merge was composed from.
A clean overwrite supplies new content and so ends the flow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

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
    """What the walk needs of one version of a cube. `restores`: a rollback chose its parts anew."""

    version: int
    parts: PartVersions
    composed_from: int
    restores: bool = False


def carriers(history: Sequence[VersionFacts], version: int) -> list[int]:
    """The versions of a cube whose content is what one version put into it, oldest first."""
    return sorted({fact.version for fact in history if fact.parts.content == version})


def composed_from(history: Sequence[VersionFacts], versions: Iterable[int]) -> list[int]:
    """The versions of a cube that an append or a merge composed from one of some versions."""
    earlier = frozenset(versions)
    return [fact.version for fact in history if fact.composed_from in earlier]


def clean_parts(
    history: Sequence[VersionFacts], tainted: Iterable[int]
) -> tuple[int, PartVersions] | None:
    """The newest state of a cube that holds nothing tainted.

    Later clean parts stay: each part is the one that the last clean version chose, by supplying it
    or, in a rollback, by going back to it.

    Returns:
        The version whose content it is, and which version supplies each part; None where the
        cube never had clean content.
    """
    bad = frozenset(tainted)
    parts = [0] * len(PartVersions._fields)
    to_version = 0
    before = PartVersions()
    for fact in history:
        if fact.version not in bad:
            for index, (at, earlier) in enumerate(zip(fact.parts, before, strict=True)):
                if (fact.restores or at != earlier) and at not in bad:
                    parts[index] = at
            if fact.parts.content == parts[0]:
                to_version = fact.version
        before = fact.parts
    return (to_version, PartVersions(*parts)) if parts[0] else None
