"""MemOperator search: candidates from the index, governed and ranked before anything is shown.

Statistics cover exactly what the caller may read in the searched scope at the position asked for,
so a score tells of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import Order, View
from memos.kernel.event import id_text
from memos.language.analyzer import Analyzer
from memos.language.port import Claim
from memos.operation.cube import as_datetime
from memos.operation.search.dense import Dense, NotDense, measure
from memos.operation.search.hits import Hits, hit_of
from memos.operation.search.memories import Memories
from memos.operation.search.order import in_order, with_tags
from memos.operation.search.phrases import holds_phrases, rows_holding, rows_with_words
from memos.operation.search.query import Query, analyse_query
from memos.operation.search.question import Phrase, Question
from memos.operation.search.ranking import Ranking, rank
from memos.operation.search.rerank import RankedMemory, rerank
from memos.operation.search.supersession import Chain, chain_of, claims_of_cube
from memos.operation.search.visibility import HeaderCheck, restrict


def search(
    reader: Reader, view: View, analyzer: Analyzer, query: Query, newest: View | None = None
) -> Hits:
    """The best memories for a query, best first, each cube once.

    `newest` is given where `view` is of an earlier moment: who may read is decided as of now.
    """
    check = HeaderCheck(reader, query)
    visible = restrict(view, query, check, newest or view)
    if query.valid_at is not None:
        visible = visible.true_at(query.valid_at)
    memories = Memories(reader, visible, query)
    if query.filter is not None and not query.text.strip():
        return _listed(visible, analyzer, query, memories)
    words = analyse_query(analyzer, query.text, query.time)
    phrases = words.question.phrases if query.recipe.phrase else ()
    having = rows_with_words(visible, analyzer, phrases) if phrases else None
    quoted, needed = (phrases, ()) if words.question.asks else ((), phrases)
    within = having if needed else None
    holding = None
    if quoted and having is not None:
        holding = rows_holding(memories.of, analyzer, having, quoted)
    dense = _dense(reader, visible, analyzer, query)
    near = dense if isinstance(dense, Dense) else None
    chain = _chain(visible, analyzer, query, memories) if query.recipe.supersession else None
    ranking = rank(visible, words, query.recipe, near, chain, within, holding)
    decays = _decays(visible, ranking, check)
    candidates = _candidates(memories, analyzer, query, ranking.best_first(decays), needed)
    overview = _overview(query, words.question, len(visible), dense)
    if query.recipe.rerank and query.reranker is not None:
        current = None if chain is None else chain.current
        candidates, failure = rerank(query, query.reranker, candidates, decays, current)
        overview |= {} if failure is None else {"rerank": {"unavailable": failure}}
    hits = [
        hit_of(
            candidate.cube,
            candidate.score,
            {
                **overview,
                **ranking.explain(candidate.row),
                **_successor(visible, chain, candidate.row),
                **candidate.explanation,
            },
        )
        for candidate in islice(candidates, query.limit)
    ]
    if memories.damaged:
        overview["damaged"] = dict(sorted(memories.damaged.items()))
    return Hits(hits, overview)


def _listed(view: View, analyzer: Analyzer, query: Query, memories: Memories) -> Hits:
    """What a filter holds of, where no words are asked for: the newest first."""
    overview = {"searched": len(view), "read_time": query.read_time, "listed": Order.NEWEST.value}
    having = np.flatnonzero(with_tags(view, analyzer, query.filter))
    rows = in_order(having, view.created, Order.NEWEST)
    found = _candidates(memories, analyzer, query, ((row, 0.0) for row in rows.tolist()), ())
    hits = [hit_of(memory.cube, 0.0, overview) for memory in islice(found, query.limit)]
    if memories.damaged:
        overview["damaged"] = dict(sorted(memories.damaged.items()))
    return Hits(hits, overview)


def _overview(
    query: Query, question: Question, searched: int, dense: Dense | NotDense | None
) -> dict[str, object]:
    """How a search ran as a whole."""
    overview: dict[str, object] = {
        "recipe": f"{query.recipe.name}@{query.recipe.version}",
        "searched": searched,
        "read_time": query.read_time,
    }
    if question.windows and query.recipe.window:
        overview["windows"] = [
            {
                "phrase": window.phrase,
                "from": as_datetime(window.start).isoformat(),
                "until": as_datetime(window.end).isoformat(),
            }
            for window in question.windows
        ]
    if question.phrases and query.recipe.phrase:
        overview["phrases"] = [" ".join(phrase) for phrase in question.phrases]
    if isinstance(dense, NotDense):
        overview["dense"] = {"unavailable": dense.reason}
    return overview


def _dense(reader: Reader, view: View, analyzer: Analyzer, query: Query) -> Dense | NotDense | None:
    """How near the rows are in meaning, where the recipe asks for it."""
    if not query.recipe.dense or query.embedding is None:
        return None
    return measure(reader, view, query.scope, analyzer, query.embedding, query.text)


def _candidates(
    memories: Memories,
    analyzer: Analyzer,
    query: Query,
    ranked: Iterator[tuple[int, float]],
    phrases: Sequence[Phrase],
) -> Iterator[RankedMemory]:
    """The ranked rows as memories, without those that were erased or that do not fit."""
    while page := list(islice(ranked, query.limit)):
        memories.read_ahead([row for row, _ in page])
        for row, score in page:
            cube = memories.of(row)
            if cube is None or not holds_phrases(analyzer, cube, phrases):
                continue
            if query.accepts(cube):
                yield RankedMemory(row, score, cube)


def _chain(view: View, analyzer: Analyzer, query: Query, memories: Memories) -> Chain | None:
    """The memories that fill the slot which the query asks for, as of the time asked for."""
    slot = analyzer.language.asked_slot(query.text)
    if slot is None:
        return None

    def claims_of(row: int) -> list[Claim]:
        cube = memories.of(row)
        return [] if cube is None else claims_of_cube(cube, analyzer.language)

    return chain_of(view, analyzer, slot, query.time, claims_of)


def _successor(view: View, chain: Chain | None, row: int) -> dict[str, object]:
    """Which memory took the place of this one."""
    newer = None if chain is None else chain.successor(row)
    if newer is None:
        return {}
    return {"superseded_by": id_text(view.cube_ids(np.array([newer]))[0])}


def _decays(view: View, ranking: Ranking, check: HeaderCheck) -> dict[int, float]:
    if not check.factors:
        return {}
    docs = view.doc
    return {
        row: check.factors[int(docs[row])]
        for row in ranking.rows.tolist()
        if int(docs[row]) in check.factors
    }
