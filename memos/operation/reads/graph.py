"""The knowledge graph of cubes: what a memory is related to, by how it came to be and what it says.

Nodes are the memories that the caller sees; an edge is lineage, a place in the same conversation,
a shared tag, a shared source or shared rare words. Every weight is a share of at most about 1, and
a score is their sum; nothing in it tells of a memory that the caller may not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memos.infrastructure.batches import batched
from memos.infrastructure.index.port import Ints, View
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.cube import CubeState
from memos.kernel.event import id_text
from memos.operation.cube import MemCube
from memos.operation.search.bm25 import K1, B, idf
from memos.operation.search.scope_view import ScopeView

LINEAGE = 1.0
NEXT_TURN = 0.6
TURN_AFTER = 0.3
TAGS = 0.5
SOURCE = 0.3
WORDS = 0.5

MOST_WORDS = 16
COMMON = 10
"""A word of up to this many memories is rare however few there are; else one of a quarter."""

READ_WORDS = 256
"""Of a long text, the first this many distinct words are looked at."""

CROWDED = 200
"""A source of more visible memories than this says nothing about any one of them."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RelatedReason:
    """One edge: its kind (lineage, conversation, tag, source, word), what is shared, its weight."""

    kind: str
    detail: str
    score: float


@dataclass(frozen=True, slots=True)
class Related:
    """A memory near another one in the graph, and why: the strongest reason first."""

    cube_id: str
    version: int
    scope: str
    score: float
    reasons: tuple[RelatedReason, ...]


class Edges:
    """The edges to every row so far, and for each row the sum of their weights: its score."""

    def __init__(self, rows: int) -> None:
        self.scores: Floats = np.zeros(rows)
        self._edges: list[tuple[str, str, Ints, Floats]] = []

    def add(self, kind: str, detail: str, rows: Ints, weights: Floats) -> None:
        """An edge of a kind to each of `rows`, distinct, with its weight."""
        if len(rows):
            self.scores[rows] += weights
            self._edges.append((kind, detail, rows, weights))

    def add_one(self, kind: str, detail: str, row: int, weight: float) -> None:
        """An edge to one row."""
        self.add(kind, detail, np.array([row]), np.array([weight]))

    def reasons(self, row: int) -> tuple[RelatedReason, ...]:
        """The edges to a row."""
        reasons = [
            RelatedReason(kind, detail, round(float(weights[rows == row][0]), 6))
            for kind, detail, rows, weights in self._edges
            if (rows == row).any()
        ]
        return tuple(
            sorted(reasons, key=lambda reason: (-reason.score, reason.kind, reason.detail))
        )


def related(
    scope_view: ScopeView,
    state: CubeState,
    cube: MemCube,
    sources: Sequence[tuple[str, tuple[bytes, ...]]],
) -> list[Related]:
    """The memories nearest to one, best first, as many as the query asks for.

    Args:
        scope_view: who looks, and where.
        state: the memory's head.
        cube: the memory, opened.
        sources: its source and the path above that, each with the digests that stand for it.
    """
    view = scope_view.visible()
    edges = Edges(len(view))
    own = scope_view.reader.rows_of(view, [state.cube_id]).get(state.cube_id)
    _lineage(scope_view, view, state.cube_id, edges)
    is_turn = own is not None and _conversation(view, own, edges)
    _tags(scope_view, view, cube.tags, edges)
    if not is_turn:  # a turn's source is its session, which says it better
        _sources(scope_view, view, sources, edges)
    _words(scope_view, view, cube.text, edges)
    if own is not None:
        edges.scores[own] = 0.0
    reached = np.flatnonzero(edges.scores > 0)
    best = reached[np.lexsort((view.opened[reached], -edges.scores[reached]))]
    best = best[: scope_view.query.limit]
    memories = []
    for row, raw in zip(best.tolist(), view.cube_ids(best), strict=True):
        head = scope_view.reader.vault.head(raw)
        scope = "" if head is None else head.scope
        score = round(float(edges.scores[row]), 6)
        version = int(view.version[row])
        memories.append(Related(id_text(raw), version, scope, score, edges.reasons(row)))
    return memories


def _lineage(scope_view: ScopeView, view: View, cube_id: bytes, edges: Edges) -> None:
    ways: dict[tuple[bytes, str], None] = {}
    for downstream in (False, True):
        for edge in scope_view.reader.vault.edges(cube_id, downstream=downstream):
            other = edge.derived[0] if downstream else edge.source[0]
            way = "to" if downstream else "from"
            ways[other, f"{edge.relation.name.lower()} ({way} it)"] = None
    rows = scope_view.reader.rows_of(view, {other: None for other, _ in ways})
    for other, detail in ways:
        if other in rows and other != cube_id:
            edges.add_one("lineage", detail, rows[other], LINEAGE)


def _conversation(view: View, own: int, edges: Edges) -> bool:
    """The turns up to two before and after; whether the memory is a turn at all."""
    session = view.session[own]
    if not session:
        return False
    turns = np.flatnonzero(view.session == session)
    turns = turns[np.lexsort((view.opened[turns], view.number[turns]))]
    at = int(np.flatnonzero(turns == own)[0])
    for far, weight in ((1, NEXT_TURN), (2, TURN_AFTER)):
        for other, way in ((at - far, "before"), (at + far, "after")):
            if 0 <= other < len(turns):
                turn = "turn" if far == 1 else "turns"
                edges.add_one("conversation", f"{far} {turn} {way}", int(turns[other]), weight)
    return True


def _tags(scope_view: ScopeView, view: View, tags: Sequence[str], edges: Edges) -> None:
    """Shared tags: the rarer, the more; all of the memory's tags together weigh TAGS."""
    held = [(tag, view.postings(scope_view.analyzer.exact_term("tag", tag))[0]) for tag in tags]
    weights = [idf(len(view), len(rows)) for _, rows in held]
    total = sum(weights) or 1.0
    for (tag, rows), weight in zip(held, weights, strict=True):
        edges.add("tag", tag, rows, np.full(len(rows), TAGS * weight / total))


def _sources(
    scope_view: ScopeView,
    view: View,
    sources: Sequence[tuple[str, tuple[bytes, ...]]],
    edges: Edges,
) -> None:
    """The other memories of the same source; of the path above it, half as near."""
    counted: set[int] = set()
    for step, (path, digests) in enumerate(sources):
        rows = _rows_from(scope_view, view, digests) - counted
        if not rows:
            continue
        counted |= rows
        weights = np.full(len(rows), SOURCE / (step + 1))
        edges.add("source", path, np.array(sorted(rows), np.int64), weights)


def _rows_from(scope_view: ScopeView, view: View, digests: tuple[bytes, ...]) -> set[int]:
    """The rows that came from a source; none where it is crowded, by what the view shows alone."""
    rows: set[int] = set()
    if not digests:
        return rows
    query = LogQuery(scope=scope_view.query.scope, sources=digests)
    for batch in batched(scope_view.reader.vault.query(query), CROWDED):
        cubes = dict.fromkeys(attempt.cube_id for attempt in batch)
        rows.update(scope_view.reader.rows_of(view, cubes).values())
        if len(rows) > CROWDED:
            return set()
    return rows


def _words(scope_view: ScopeView, view: View, text: str, edges: Edges) -> None:
    """The memory's rarest words that others share, matched as BM25 does; together about WORDS."""
    count = len(view)
    average = float(view.length.mean()) if count else 1.0
    shared = []
    for term in scope_view.analyzer.query_terms(text)[:READ_WORDS]:
        rows, tf = view.postings(term.term)
        if 1 < len(rows) <= max(COMMON, count // 4):
            shared.append((idf(count, len(rows)), term.surface, rows, tf))
    shared.sort(key=lambda word: (-word[0], word[1]))
    total = sum(weight for weight, *_ in shared[:MOST_WORDS]) or 1.0
    for weight, surface, rows, tf in shared[:MOST_WORDS]:
        norm = K1 * (1 - B + B * view.length[rows] / max(average, 1.0))
        edges.add("word", surface, rows, WORDS * weight / total * (tf / (tf + norm)))
