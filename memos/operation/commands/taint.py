"""The walk of the taint: everything that some content reached, through versions and lineage.

An undo goes along every edge. An erase goes along those that bind: what a new cube named as its
sources, and what an actor added to an existing one who could decide over that one. Neither leaves a
tenant: an edge that leads to another one came with a package, and nobody here made it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.engine.replay import CREATING
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import ALL_PARTS, NO_MEMORY, Lifecycle, Part
from memos.kernel.event import Kind
from memos.kernel.lineage import (
    CARRIES_TAINT,
    Contribution,
    Edge,
    Relation,
    VersionFacts,
    carriers,
    composed_from,
    composed_parts,
)
from memos.kernel.outcome import Result
from memos.kernel.scope import tenant_of
from memos.wire.event_pb2 import Revised

_COMPOSING = frozenset({Revised.MODE_APPEND, Revised.MODE_MERGE})
_KEPT_IN_PART = Part.PROVENANCE | Part.METADATA | Part.VALID_TIME
"""What a change leaves unnamed of these, it takes on from before."""

_FLOWS = (
    (Part.CONTENT, CARRIES_TAINT, ALL_PARTS),
    (Part.TAGS, frozenset({Relation.MERGED_INTO}), int(Part.TAGS)),
)
"""A part of a source, the edges along which it goes on, and what of the derived cube it reaches."""


class Histories:
    """The histories of cubes as the walk reads them, each read once.

    Args:
        reader: where they are read.
        passes: whether the walk goes on over a cube; by default over every one.
    """

    def __init__(self, reader: Reader, passes: Callable[[bytes], bool] | None = None) -> None:
        self._reader = reader
        self._vault = reader.vault
        self._passes = passes
        self.ended: frozenset[bytes] = frozenset()
        """The keys of edges that are about to end: the walk goes along none of them."""
        self._attempts: dict[bytes, list[Attempt]] = {}
        self._tenants: dict[bytes, str] = {}

    def attempts(self, cube_id: bytes) -> list[Attempt]:
        """The accepted attempts on a cube, oldest first."""
        if cube_id not in self._attempts:
            self._attempts[cube_id] = [
                attempt
                for attempt in self._vault.attempts(cube_id)
                if attempt.outcome.result is Result.ACCEPTED
            ]
        return self._attempts[cube_id]

    def versions(self, cube_id: bytes) -> Sequence[VersionFacts]:
        """The versions of a cube, oldest first."""
        return [
            VersionFacts(
                attempt.state.version,
                attempt.state.parts,
                attempt.composed_from,
                attempt.kind is Kind.ROLLED_BACK,
                self._composes(attempt),
            )
            for attempt in self.attempts(cube_id)
            if attempt.state is not None and attempt.outcome.digest
        ]

    def _composes(self, attempt: Attempt) -> int:
        """Which parts of a version were made of those that the cube had before."""
        if not attempt.composed_from:
            return 0
        if attempt.kind is Kind.TAGGED:
            return Part.TAGS
        event = self._reader.event(attempt.position)
        added = Part.CONTENT if event.revised.mode in _COMPOSING else 0
        return event.parts & (_KEPT_IN_PART | added)

    def derived(
        self, cube_id: bytes, version: int, relations: Collection[Relation] = CARRIES_TAINT
    ) -> list[Contribution]:
        """What was derived from a version of a cube, along the edges that carry taint."""
        edges = self._vault.edges(cube_id, downstream=True, version=version)
        return [
            self.content_of(edge.derived)
            for edge in edges
            if edge.relation in relations and self.stays(edge) and self.follows(edge)
        ]

    def content_of(self, derived: Contribution) -> Contribution:
        """The version whose content the derived end of an edge has: a link that came later than it,
        behind a tag or a change of the header, speaks of it all the same.
        """
        cube_id, version = derived
        contents = [
            fact.parts.content for fact in self.versions(cube_id) if fact.version == version
        ]
        return cube_id, contents[0] if contents else version

    def stays(self, edge: Edge) -> bool:
        """Whether both ends of an edge are of one tenant."""
        return self._tenant(edge.source[0]) == self._tenant(edge.derived[0])

    def _tenant(self, cube_id: bytes) -> str:
        if cube_id not in self._tenants:
            state = self._vault.head(cube_id)
            self._tenants[cube_id] = "" if state is None else tenant_of(state.scope)
        return self._tenants[cube_id]

    def follows(self, edge: Edge) -> bool:
        """Whether the walk goes along an edge."""
        passes = self._passes
        if self.ended and edge.key in self.ended:
            return False
        return edge.relation in CARRIES_TAINT and (passes is None or passes(edge.derived[0]))


class BoundHistories(Histories):
    """The same, for an erase: only edges that bind are gone along.

    Events of before the log said which do are judged by who wrote them: an edge of the cube's owner
    at that time binds, and one of who administers the vault.

    Args:
        reader: what is read.
        administrator: of the vault.
    """

    def __init__(self, reader: Reader, administrator: str) -> None:
        super().__init__(reader)
        self._administrator = administrator

    def follows(self, edge: Edge) -> bool:
        return super().follows(edge) and self._binds(edge)

    def _binds(self, edge: Edge) -> bool:
        cube_id, version = edge.derived
        made_at = [a for a in self.attempts(cube_id) if a.outcome.version == version]
        if len(made_at) == 1 and made_at[0].kind in CREATING:
            return True  # nobody else can have named the source
        return any(self._made_binding(attempt, edge) for attempt in made_at)

    def _made_binding(self, attempt: Attempt, edge: Edge) -> bool:
        named = [
            one
            for one in self._reader.event(attempt.position).edges
            if one.relation == edge.relation
            and (one.other.cube_id, one.other.version) == edge.source
        ]
        if not named or attempt.state is None:
            return False
        deciding = (attempt.state.header.owner, self._administrator)
        return (
            attempt.kind in CREATING
            or any(one.binding for one in named)
            or attempt.actor in deciding
        )


def left_behind(reader: Reader, erased: Collection[bytes]) -> list[bytes]:
    """The memories that hold what flowed from erased cubes and are not erased, in id order."""
    gone, histories = frozenset(erased), Histories(reader)
    reader.read_histories_ahead(sorted(gone))
    seeds = [
        histories.content_of(edge.derived)
        for cube_id in gone
        for edge in reader.vault.edges(cube_id, downstream=True)
        if edge.relation in CARRIES_TAINT and edge.derived[0] not in gone and histories.stays(edge)
    ]
    reached = sorted(taint(seeds, histories).keys() - gone)
    heads = reader.vault.heads_many(reached)
    return [
        cube_id
        for cube_id in reached
        if cube_id in heads
        and heads[cube_id].lifecycle is not Lifecycle.ERASED
        and heads[cube_id].form not in NO_MEMORY
    ]


def taint(seeds: Iterable[Contribution], histories: Histories) -> dict[bytes, set[int]]:
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
        carrying = carriers(facts[cube_id], version)
        waiting += [(cube_id, later) for later in composed_from(facts[cube_id], carrying)]
        for carrier in carrying:
            waiting += histories.derived(cube_id, carrier)
    return tainted


def tainted_parts(
    seeds: Iterable[Contribution], histories: Histories
) -> dict[bytes, dict[int, int]]:
    """Everything that the seeds put into any part of a memory, theirs and those that took it on.

    Content goes on along every edge that carries taint, and tags into what a merge made of them.

    Returns:
        For each cube reached, the bit set of the tainted parts of each version that has any.
    """
    tainted: dict[bytes, dict[int, int]] = {}
    facts: dict[bytes, Sequence[VersionFacts]] = {}
    waiting = [(cube_id, version, ALL_PARTS) for cube_id, version in seeds]
    while waiting:
        cube_id, version, parts = waiting.pop()
        reached = tainted.setdefault(cube_id, {})
        new = parts & ~reached.get(version, 0)
        if not new:
            continue
        reached[version] = reached.get(version, 0) | new
        if cube_id not in facts:
            facts[cube_id] = histories.versions(cube_id)
        history = facts[cube_id]
        waiting += [(cube_id, later, hit) for later, hit in composed_parts(history, version, new)]
        for part, relations, into in _FLOWS:
            if new & part:
                for carrier in carriers(history, version, part):
                    derived = histories.derived(cube_id, carrier, relations)
                    waiting += [(*at, into) for at in derived]
    return tainted
