"""What a search finds for a context: of what says the same the newest first, and where each belongs."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

from memos.kernel.event import id_bytes, id_text
from memos.kernel.lineage import Relation
from memos.operation.cube import as_datetime
from memos.operation.reads.newest_first import newest_first
from memos.operation.search.hits import Hit
from memos.operation.search.scope_view import ScopeView

MOST_COMPARED = 20_000
"""Characters of a text by which it is known to say what another one says."""


class Found(NamedTuple):
    """What a query finds.

    Attributes:
        hits: best first, of those that say the same thing the newest valid one first.
        superseded: the ids of the memories that a hit supersedes, hits or not.
    """

    hits: list[Hit]
    superseded: Set[str]


def found_for(scope_view: ScopeView) -> Found:
    """What the query of a scope's view finds."""

    def terms(text: str) -> frozenset[int]:
        compared = text[:MOST_COMPARED]
        return frozenset(term.term for term in scope_view.analyzer.query_terms(compared))

    ranked = scope_view.hits()
    superseded = _superseded_by(scope_view, ranked)
    read_time = as_datetime(scope_view.query.read_time)
    return Found(newest_first(ranked, terms, superseded, read_time), superseded)


def places_of(scope_view: ScopeView, hits: Sequence[Hit]) -> dict[str, tuple[int, int]]:
    """The session and number of the hits that are turns."""
    ids = {id_bytes(hit.cube_id): hit.cube_id for hit in hits}
    rows = scope_view.reader.rows_of(scope_view.view, ids)
    placed = {
        ids[raw]: (int(scope_view.view.session[row]), int(scope_view.view.number[row]))
        for raw, row in rows.items()
    }
    return {cube_id: place for cube_id, place in placed.items() if place[0]}


def _superseded_by(scope_view: ScopeView, hits: Sequence[Hit]) -> Set[str]:
    return {
        id_text(edge.source[0])
        for hit in hits
        for edge in scope_view.reader.vault.edges(id_bytes(hit.cube_id), downstream=False)
        if edge.relation is Relation.SUPERSEDES
    }
