"""MemOperator search: candidates from the index, governed and ranked before anything is shown.

Statistics cover exactly what the caller may read in the searched scope at the position asked for,
so a score tells of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from memos.infrastructure.engine import DenseIndex, Reading
from memos.infrastructure.index.port import Mask, View
from memos.infrastructure.moment import At
from memos.infrastructure.projector import HAS_LIFESPAN, RESTRICTED
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.event import Position, id_text
from memos.kernel.lifespan import decay
from memos.operation.analysis import Analyzer
from memos.operation.cubes import MemCube, is_over, read_cube
from memos.operation.dense import Dense, NotDense, measure
from memos.operation.filters import Predicate
from memos.operation.indexing import claims_of_cube
from memos.operation.ranking import LexicalQuery, Ranking, rank
from memos.operation.recipe import Recipe
from memos.operation.slot_phrases import Claim
from memos.operation.slot_questions import asked
from memos.operation.supersession import Chain, chain_of


@dataclass(frozen=True, slots=True)
class Hit:
    """One found memory, at its version for the position searched."""

    cube_id: str
    version: int
    text: str
    score: float
    metadata: Mapping[str, Any]
    tags: tuple[str, ...]
    scope: str
    source: str
    state: str
    valid_from: datetime | None
    valid_until: datetime | None
    changed: datetime
    position: Position
    explain: Mapping[str, Any] = field(repr=False)


class Query(NamedTuple):
    """A checked search. `at` None means now; `read_time` is in microseconds."""

    text: str
    scope: str
    limit: int
    states: frozenset[Lifecycle]
    accepts: Predicate
    at: At | None
    read_time: int
    may_read: Callable[[CubeState], bool]
    recipe: Recipe
    embedding: DenseIndex | None = None
    valid_at: int | None = None


def search(
    reading: Reading, view: View, analyzer: Analyzer, query: Query, newest: View | None = None
) -> list[Hit]:
    """The best memories for a query, best first, each cube once.

    `newest` is given where `view` is of an earlier moment: who may read is decided as of now.
    """
    flagged = Flagged(reading, query)
    visible = restrict(view, query, flagged, newest or view)
    if query.valid_at is not None:
        visible = visible.true_at(query.valid_at)
    dense: Dense | NotDense | None = None
    if query.recipe.dense and query.embedding is not None:
        dense = measure(reading, visible, query.scope, analyzer, query.embedding, query.text)
    found = dense if isinstance(dense, Dense) else None
    chain = _chain(reading, visible, analyzer, query) if query.recipe.supersession else None
    ranking = rank(visible, analyse_query(analyzer, query.text), query.recipe, found, chain)
    without = {"dense": {"unavailable": dense.reason}} if isinstance(dense, NotDense) else {}
    decays = _decays(visible, ranking, flagged)
    hits: list[Hit] = []
    for row, score in _best_first(ranking, decays):
        cube = _cube_at(reading, visible, row, query)
        if cube is not None and query.accepts(cube):
            told = {**without, **ranking.explain(row), **_successor(visible, chain, row)}
            hits.append(_hit(cube, score, told, len(visible), query))
            if len(hits) == query.limit:
                break
    return hits


def _cube_at(reading: Reading, view: View, row: int, query: Query) -> MemCube | None:
    """The memory of a row; None where it was erased. At a valid time, its version of then."""
    cube_id = view.cube_ids(np.array([row]))[0]
    at = view.at if query.valid_at is None else int(view.opened[row])
    attempt = reading.vault.state_at(cube_id, at)
    cube = None if attempt is None else read_cube(reading, attempt)
    return cube if isinstance(cube, MemCube) else None


def _chain(reading: Reading, view: View, analyzer: Analyzer, query: Query) -> Chain | None:
    """The memories that fill the slot which the query asks for, as of the time asked for."""
    slot = asked(query.text)
    if slot is None:
        return None

    def claims_of(row: int) -> list[Claim]:
        cube = _cube_at(reading, view, row, query)
        return [] if cube is None else claims_of_cube(cube)

    time = query.read_time if query.valid_at is None else query.valid_at
    return chain_of(view, analyzer, slot, time, claims_of)


def _successor(view: View, chain: Chain | None, row: int) -> dict[str, object]:
    """Which memory took the place of this one."""
    newer = None if chain is None else chain.successor(row)
    if newer is None:
        return {}
    return {"superseded_by": id_text(view.cube_ids(np.array([newer]))[0])}


_TO_ASSISTANT = frozenset({"you", "your", "yours", "assistant"})


def analyse_query(analyzer: Analyzer, text: str) -> LexicalQuery:
    """A query's terms, the names in it, and whether it asks for what the assistant said."""
    words = analyzer.words(text)
    names = frozenset(analyzer.exact_term("speaker", word) for word in words)
    return LexicalQuery(analyzer.query_terms(text), names, not _TO_ASSISTANT.isdisjoint(words))


class Flagged:
    """The few rows whose header decides whether and how they are shown."""

    def __init__(self, reading: Reading, query: Query) -> None:
        self._reading = reading
        self._query = query
        self.factors: dict[int, float] = {}

    def shows(self, view: View, row: int) -> bool:
        """Whether the caller may read the row, and its lifespan has not ended."""
        cube_id = view.cube_ids(np.array([row]))[0]
        attempt = self._reading.vault.state_at(cube_id, view.at)
        if attempt is None or attempt.state is None:
            return False
        state, head = attempt.state, self._reading.vault.head(cube_id)
        if state.header.lifespan is not None:
            used = self._reading.usage(cube_id).last_used
            if is_over(state, used, self._query.read_time):
                return False
            factor = decay(state.header.lifespan, used, self._query.read_time)
            if factor < 1.0:
                self.factors[int(view.doc[row])] = factor
        return self._query.may_read(head or state)


def restrict(view: View, query: Query, flagged: Flagged, newest: View) -> View:
    """The rows that the caller may see: by state, governance and lifespan."""
    keep = np.isin(view.state, [int(state) for state in query.states])
    special = (view.flags & (RESTRICTED | HAS_LIFESPAN)) != 0
    if newest is not view:
        special |= _restricted_now(view, newest)
    for row in np.flatnonzero(keep & special).tolist():
        keep[row] = flagged.shows(view, row)
    return view if keep.all() else view.restrict(keep)


def _restricted_now(view: View, newest: View) -> Mask:
    """The rows of an earlier moment whose cubes have readers today."""
    restricted = set(newest.cube_ids(np.flatnonzero(newest.flags & RESTRICTED)))
    if not restricted:
        return np.zeros(len(view), np.bool_)
    return np.array([cube in restricted for cube in view.cube_ids(np.arange(len(view)))], np.bool_)


def _decays(view: View, ranking: Ranking, flagged: Flagged) -> dict[int, float]:
    if not flagged.factors:
        return {}
    docs = view.doc
    return {
        row: flagged.factors[int(docs[row])]
        for row in ranking.rows.tolist()
        if int(docs[row]) in flagged.factors
    }


def _best_first(ranking: Ranking, decays: Mapping[int, float]) -> Iterator[tuple[int, float]]:
    pairs: Sequence[tuple[int, float]] = list(
        zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True)
    )
    if decays:
        decayed = [(row, score * decays.get(row, 1.0)) for row, score in pairs]
        pairs = sorted(decayed, key=lambda pair: -pair[1])  # stable: equals stay in log order
    return iter(pairs)


def _hit(
    cube: MemCube, score: float, stages: Mapping[str, object], searched: int, query: Query
) -> Hit:
    return Hit(
        cube.cube_id,
        cube.version,
        cube.text,
        score,
        cube.metadata,
        cube.tags,
        cube.scope,
        cube.source,
        cube.state,
        cube.valid_from,
        cube.valid_until,
        cube.changed,
        cube.position,
        {
            "recipe": f"{query.recipe.name}@{query.recipe.version}",
            "searched": searched,
            "read_time": query.read_time,
            **stages,
        },
    )
