"""What a search finds for a context: of what says the same the newest first, and where each belongs."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set

from memos.kernel.event import id_bytes, id_text
from memos.kernel.lineage import Relation
from memos.operation.cube import as_datetime
from memos.operation.reads.newest_first import newest_first
from memos.operation.search.hits import Hit
from memos.operation.search.scope_view import ScopeView

MOST_COMPARED = 20_000
"""Characters of a text by which it is known to say what another one says."""


def found_for(scope_view: ScopeView) -> list[Hit]:
    """The hits of the query, best first, of those that say the same thing the newest valid one first."""

    def terms(text: str) -> frozenset[int]:
        compared = text[:MOST_COMPARED]
        return frozenset(term.term for term in scope_view.analyzer.query_terms(compared))

    ranked = scope_view.hits()
    read_time = as_datetime(scope_view.query.read_time)
    return newest_first(ranked, terms, frozenset(superseded(scope_view, ranked)), read_time)


def places_of(scope_view: ScopeView, hits: Sequence[Hit]) -> dict[str, tuple[int, int]]:
    """The session and number of the hits that are turns."""
    ids = {id_bytes(hit.cube_id): hit.cube_id for hit in hits}
    rows = scope_view.reader.rows_of(scope_view.view, ids)
    placed = {
        ids[raw]: (int(scope_view.view.session[row]), int(scope_view.view.number[row]))
        for raw, row in rows.items()
    }
    return {cube_id: place for cube_id, place in placed.items() if place[0]}


def superseded(scope_view: ScopeView, hits: Sequence[Hit]) -> Set[str]:
    """The ids of those that another one says it supersedes."""
    return superseded_by(scope_view, hits, {hit.cube_id for hit in hits})


def superseded_by(scope_view: ScopeView, hits: Sequence[Hit], known: Collection[str]) -> Set[str]:
    """Of some known memories, by id, those that a hit says it supersedes."""
    ids = {id_bytes(cube_id) for cube_id in known}
    return {
        id_text(edge.source[0])
        for hit in hits
        for edge in scope_view.reader.vault.edges(id_bytes(hit.cube_id), downstream=False)
        if edge.relation is Relation.SUPERSEDES and edge.source[0] in ids
    }
