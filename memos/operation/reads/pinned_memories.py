"""The memories of a pinned block, as an actor sees them now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from memos.infrastructure.index.port import Order
from memos.kernel.event import id_bytes, id_text
from memos.kernel.lineage import Relation
from memos.operation.cube import MemCube, as_datetime
from memos.operation.search.hits import Hit, hit_of
from memos.operation.search.listing import Listing
from memos.operation.search.memories import Memories
from memos.operation.search.scope_view import ScopeView
from memos.operation.search.visibility import HeaderCheck, candidates

POLICY, PINNED = "policy", "pinned"
"""The tags of what stands in a pinned block whatever is asked, in this order."""
MOST_STANDING = 200
"""How many memories of each of these tags are taken, the oldest first."""


def standing_memories(scope_view: ScopeView) -> dict[str, Hit]:
    """What is tagged to stand in the pinned block and is true now, by id: policy before what is merely
    pinned, each the oldest first.
    """
    standing: dict[str, Hit] = {}
    for tag in (POLICY, PINNED):
        for cube in _tagged(scope_view, tag):
            if _is_true(scope_view, cube):
                standing.setdefault(cube.cube_id, _hit(cube))
    return standing


def memories_in_force(scope_view: ScopeView, cube_ids: Sequence[str]) -> dict[str, Hit]:
    """Of some memories those that the actor may read, that their lifespans and states show, that are true
    now and that no memory shown supersedes, as they are now, by id in the order given.
    """
    rows = _shown_rows(scope_view, cube_ids)
    memories = Memories(scope_view.reader, scope_view.view, scope_view.query)
    if rows:
        memories.read_ahead(list(rows.values()))
    cubes = {cube_id: memories.of(row) for cube_id, row in rows.items()}
    return {
        cube_id: _hit(cube)
        for cube_id, cube in cubes.items()
        if cube is not None
        and scope_view.query.accepts(cube)
        and _is_true(scope_view, cube)
        and not _is_superseded(scope_view, cube_id)
    }


def versions_in_force(scope_view: ScopeView, cube_ids: Sequence[str]) -> dict[str, int]:
    """The versions of those of some memories that the actor may read, that their lifespans and states show
    and that are true now, by id: by the index alone, nothing is opened.
    """
    rows = _shown_rows(scope_view, cube_ids)
    versions = {cube_id: int(scope_view.view.version[row]) for cube_id, row in rows.items()}
    true_now = scope_view.view.true_at(scope_view.query.read_time)
    true_rows = scope_view.reader.rows_of(true_now, map(id_bytes, cube_ids))
    return {
        cube_id: version
        for cube_id, version in versions.items()
        if (row := true_rows.get(id_bytes(cube_id))) is not None
        and true_now.version[row] == version
    }


def _shown_rows(scope_view: ScopeView, cube_ids: Sequence[str]) -> dict[str, int]:
    """The rows of those that the actor may read and that lifespan and state show."""
    view, query = scope_view.view, scope_view.query
    rows = scope_view.reader.rows_of(view, map(id_bytes, cube_ids))
    may_show, asked = candidates(view, query, scope_view.newest)
    check = HeaderCheck(scope_view.reader, query)
    return {
        cube_id: row
        for cube_id in cube_ids
        if (row := rows.get(id_bytes(cube_id))) is not None
        and may_show[row]
        and (not asked[row] or check.shows(view, row))
    }


def _is_superseded(scope_view: ScopeView, cube_id: str) -> bool:
    edges = scope_view.reader.vault.edges(id_bytes(cube_id), downstream=True)
    newer = [id_text(e.derived[0]) for e in edges if e.relation is Relation.SUPERSEDES]
    return bool(_shown_rows(scope_view, newer)) if newer else False


def _tagged(scope_view: ScopeView, tag: str) -> Iterator[MemCube]:
    tagged = scope_view.query._replace(filter={"tags": tag})
    listing = Listing(scope_view.reader, scope_view.analyzer, tagged, Order.OLDEST)
    cubes = (listed.cube for listed in listing.behind(None, MOST_STANDING))
    return islice((cube for cube in cubes if tag in cube.tags), MOST_STANDING)


def _is_true(scope_view: ScopeView, cube: MemCube) -> bool:
    """Whether a memory holds in the world at the read time."""
    read_time = as_datetime(scope_view.query.read_time)
    began = cube.valid_from is None or cube.valid_from <= read_time
    return began and (cube.valid_until is None or read_time < cube.valid_until)


def _hit(cube: MemCube) -> Hit:
    return hit_of(cube, 0.0, {})
