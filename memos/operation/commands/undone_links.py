"""Which edges end where links are undone, and which subjects go with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.event import Kind
from memos.kernel.lineage import CARRIES_TAINT, Relation, edge_key, kept_relation, named_edges
from memos.operation.commands.taint import Histories
from memos.wire.event_pb2 import EndedEdge, Event


class UndoneLinks(NamedTuple):
    """What ends of one cube.

    Attributes:
        edges: of its links.
        subjects: the digests of those that only these links brought, in order.
    """

    edges: tuple[EndedEdge, ...] = ()
    subjects: tuple[bytes, ...] = ()

    @property
    def keys(self) -> frozenset[bytes]:
        """By what the cube knows the edges."""
        return frozenset(map(_key_of, self.edges))

    @property
    def carry_content(self) -> bool:
        """Whether one of them said where content is from."""
        return any(Relation(edge.relation) in CARRIES_TAINT for edge in self.edges)


NO_LINKS = UndoneLinks()


def undone_links(
    reader: Reader, histories: Histories, undone: Iterable[Attempt]
) -> Mapping[bytes, UndoneLinks]:
    """For each cube of which links are undone, what ends of it.

    An edge that something else made, too, stays, and so does a subject that something else brought.

    Args:
        reader: where the cubes are read.
        histories: their histories, as they are read for the same rollback.
        undone: the accepted attempts that are undone, of any kind.
    """
    links: dict[bytes, set[bytes]] = {}
    for attempt in undone:
        if attempt.kind is Kind.LINKED:
            links.setdefault(attempt.cube_id, set()).add(attempt.event_id)
    found = {
        cube_id: _of_cube(reader, cube_id, histories.attempts(cube_id), event_ids)
        for cube_id, event_ids in links.items()
    }
    return {cube_id: ended for cube_id, ended in found.items() if ended.edges}


def still_ended(reader: Reader, undone: Iterable[Attempt]) -> dict[bytes, CubeState]:
    """The cubes of which what is undone took links back, where some of these are not there again; each
    as it is now.

    Args:
        reader: where the cubes are read.
        undone: the accepted attempts that are undone, of any kind.
    """
    found = {}
    for attempt in undone:
        state = reader.vault.head(attempt.cube_id) if attempt.kind is Kind.ROLLED_BACK else None
        if state is None or not state.ended_edges or state.lifecycle is Lifecycle.ERASED:
            continue
        (target,) = reader.event(attempt.position).rolled_back.targets
        there = {
            (edge.relation, edge.source[0])
            for edge in reader.vault.edges(attempt.cube_id, downstream=False)
        }
        ended = {(Relation(edge.relation), edge.other.cube_id) for edge in target.ended_edges}
        if ended - there:
            found[attempt.cube_id] = state
    return found


def _of_cube(
    reader: Reader, cube_id: bytes, attempts: Iterable[Attempt], undone: set[bytes]
) -> UndoneLinks:
    standing = {edge.key for edge in reader.vault.edges(cube_id, downstream=False)}
    ending: dict[bytes, EndedEdge] = {}
    staying: set[bytes] = set()
    brought: set[bytes] = set()
    kept: set[bytes] = set()
    for attempt in attempts:
        event = reader.event(attempt.position)
        edges = {
            _key_of(edge): edge for edge in _edges(event, attempt) if _key_of(edge) in standing
        }
        if attempt.event_id in undone:
            ending |= edges
            brought.update(event.subject_digests)
        elif attempt.kind is not Kind.LINKED or edges:
            staying |= edges.keys()
            kept.update(event.subject_digests)
    return UndoneLinks(
        tuple(edge for key, edge in sorted(ending.items()) if key not in staying),
        tuple(sorted(brought - kept)),
    )


def _edges(event: Event, attempt: Attempt) -> Iterator[EndedEdge]:
    for edge in named_edges(event):
        yield EndedEdge(
            relation=kept_relation(edge),  # type: ignore[arg-type]
            other=edge.other,
            version=attempt.outcome.version,
        )


def _key_of(edge: EndedEdge) -> bytes:
    return edge_key(edge.relation, (edge.other.cube_id, edge.other.version), edge.version)
