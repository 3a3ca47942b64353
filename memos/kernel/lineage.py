"""Lineage and taint: what content flowed where.

A *contribution* is a (cube, version): what one event put into a cube. Content flows from a version
along the edges that carry taint, and from the version that an append or a merge was composed from.
A clean overwrite supplies new content and so ends the flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple

from memos.kernel.cube import PARTS, CubeState, Part, PartVersions
from memos.wire import event_pb2 as wire


class Relation(IntEnum):
    """What the later end of an edge is to the earlier one."""

    DERIVED_FROM = 1
    MERGED_INTO = 2
    DISTILLED_INTO = 3
    CACHED_AS = 4
    QUOTED_FROM = 5
    SUPERSEDES = 6
    SAME_TEXT_AS = 7
    LINKED = 8

    @classmethod
    def _missing_(cls, value: object) -> Relation | None:
        """A number that this release does not know stays what it is, and has no other name."""
        if not isinstance(value, int):
            return None
        unknown = int.__new__(cls, value)
        unknown._name_, unknown._value_ = f"UNKNOWN_{value}", value
        return unknown


_NO_TAINT = frozenset({Relation.SUPERSEDES, Relation.SAME_TEXT_AS, Relation.LINKED})


class _CarryingTaint(frozenset[Relation]):
    """The relations known to carry taint; an unknown one is in it too, for it may."""

    def __contains__(self, relation: object) -> bool:
        return relation not in _NO_TAINT


CARRIES_TAINT = _CarryingTaint(frozenset(Relation) - _NO_TAINT)
"""The relations along which content flows: what may have been derived goes with its source."""

Contribution = tuple[bytes, int]

ID_BYTES = 16


class Edge(NamedTuple):
    """Content flowed from `source` into `derived` (or: derived supersedes, or repeats, source)."""

    relation: Relation
    source: Contribution
    derived: Contribution
    source_digest: bytes = b""

    @property
    def key(self) -> bytes:
        """By what the derived cube knows it."""
        return edge_key(self.relation, self.source, self.derived[1])


def edge_key(relation: int, source: Contribution, derived_version: int) -> bytes:
    """By what a cube knows an edge from `source` to a version of its own: 16 bytes."""
    cube_id, version = source
    named = b"".join(
        (
            b"memos/edge/v1\n",
            relation.to_bytes(8, "big", signed=True),
            derived_version.to_bytes(8, "big"),
            version.to_bytes(8, "big"),
            cube_id,
        )
    )
    return sha256(named).digest()[:16]


def standing(edges: Iterable[Edge], head: Callable[[bytes], CubeState | None]) -> Iterator[Edge]:
    """Of edges those that were not undone, as the cubes to which they lead know.

    Args:
        edges: as they were made.
        head: a cube as it is.
    """
    ended: dict[bytes, frozenset[bytes]] = {}
    for edge in edges:
        cube_id = edge.derived[0]
        if cube_id not in ended:
            state = head(cube_id)
            ended[cube_id] = frozenset() if state is None else frozenset(state.ended_edges)
        if not ended[cube_id] or edge.key not in ended[cube_id]:
            yield edge


def named_edges(event: wire.Event) -> Iterator[wire.Edge]:
    """The edges of an event that lead to a cube: one whose id is none leads nowhere."""
    return (edge for edge in event.edges if len(edge.other.cube_id) == ID_BYTES)


def kept_relation(edge: wire.Edge | wire.EndedEdge) -> int:
    """The number by which stores keep an edge's relation; 0 for one that is out of all reason."""
    return edge.relation if edge.relation in range(128) else 0


class VersionFacts(NamedTuple):
    """What the walk needs of one version of a cube.

    Attributes:
        version: its number.
        parts: which version supplies each part.
        composed_from: the version that some of its own parts were composed of; 0 for none.
        restores: a rollback chose its parts anew.
        composes: the bit set of these parts.
    """

    version: int
    parts: PartVersions
    composed_from: int
    restores: bool = False
    composes: int = Part.CONTENT


def carriers(history: Sequence[VersionFacts], version: int, part: Part = Part.CONTENT) -> list[int]:
    """The versions of a cube that have of a part, its content, what one version put into it."""
    index = PARTS.index(part)
    return sorted({fact.version for fact in history if fact.parts[index] == version})


def composed_from(history: Sequence[VersionFacts], versions: Iterable[int]) -> list[int]:
    """The versions of a cube whose content was composed from one of some versions."""
    earlier = frozenset(versions)
    return [
        fact.version
        for fact in history
        if fact.composed_from in earlier and fact.composes & Part.CONTENT
    ]


def composed_parts(
    history: Sequence[VersionFacts], version: int, parts: int
) -> list[tuple[int, int]]:
    """The versions of a cube of which parts were composed of what one version put into them.

    Args:
        history: the cube's versions.
        version: the earlier version.
        parts: the bit set of its parts that are asked about.

    Returns:
        Each later version, and the bit set of its parts that were.
    """
    before = {fact.version: fact.parts for fact in history}
    composed: list[tuple[int, int]] = []
    for fact in history:
        base = before.get(fact.composed_from)
        if base is None:
            continue
        asked = fact.composes & parts
        hit = sum(
            part for index, part in enumerate(PARTS) if part & asked and base[index] == version
        )
        if hit:
            composed.append((fact.version, hit))
    return composed


def clean_parts(
    history: Sequence[VersionFacts], tainted: Mapping[int, int]
) -> tuple[int, PartVersions] | None:
    """The newest state of a cube that holds nothing tainted.

    Later clean parts stay: each part is the one that the last clean version chose, by supplying it
    or, in a rollback, by going back to it.

    Args:
        history: the cube's versions.
        tainted: the bit set of the tainted parts of each version that has any.

    Returns:
        The version whose content it is, and which version supplies each part; None where the
        cube never had clean content.
    """
    parts = [0] * len(PARTS)
    before = PartVersions()
    for fact in history:
        chosen = tainted.get(fact.version, 0)
        for index, part in enumerate(PARTS):
            at = fact.parts[index]
            chooses = fact.restores or at != before[index]
            if chooses and not (chosen | tainted.get(at, 0)) & part:
                parts[index] = at
        before = fact.parts
    clean = PartVersions(*parts)
    if not clean.content:
        return None
    to_version = max(
        fact.version
        for fact in history
        if fact.parts.content == clean.content and not tainted.get(fact.version, 0) & Part.CONTENT
    )
    return to_version, clean
