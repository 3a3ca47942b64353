"""MemOperator search: candidates from the index, governed and ranked before anything is shown.

Statistics cover exactly what the caller may read in the searched scope at the position asked for,
so a score tells of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import Order, View
from memos.kernel.event import id_text
from memos.language.analyzer import Analyzer
from memos.language.port import Claim
from memos.operation.cube import as_datetime
from memos.operation.search.dense import Dense, NotDense, measure
from memos.operation.search.hits import Hit, Hits, hit_of
from memos.operation.search.memories import Memories
from memos.operation.search.order import in_order, picked
from memos.operation.search.phrases import holds_phrases, rows_holding, rows_with_words
from memos.operation.search.query import Query, analyse_query
from memos.operation.search.question import Phrase, Question
from memos.operation.search.ranked import Ranking
from memos.operation.search.ranking import LexicalQuery, rank
from memos.operation.search.rerank import RankedMemory, rerank
from memos.operation.search.slips import mend
from memos.operation.search.supersession import Chain, chain_of, claims_of_cube
from memos.operation.search.visibility import HeaderCheck, restrict
from memos.operation.vocabulary import MEDIA_TYPE as VOCABULARY


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
    terms, meant = mend(visible, analyzer, words.terms)
    words = words._replace(terms=terms)
    dense = _dense(reader, visible, analyzer, query)
    overview = _overview(query, words.question, len(visible), dense)
    if meant:
        overview["meant"] = meant
    found = _Found(
        memories,
        analyzer,
        query,
        words,
        dense if isinstance(dense, Dense) else None,
        _chain(visible, analyzer, query, memories) if query.recipe.supersession else None,
        check,
    )
    phrases = words.question.phrases if query.recipe.phrase else ()
    needed = () if words.question.asks else phrases
    hits = found.hits(visible, phrases, needed, overview)
    if needed and not hits:
        overview["phrases_not_found"] = [" ".join(phrase) for phrase in needed]
        hits = found.hits(visible, (), (), overview)
    if memories.damaged or query.filter is not None:
        overview |= _passed_over(memories, query)
    return Hits(hits, overview)


def _listed(view: View, analyzer: Analyzer, query: Query, memories: Memories) -> Hits:
    """What a filter holds of, where no words are asked for: the newest first."""
    overview = {"searched": len(view), "read_time": query.read_time, "listed": Order.NEWEST.value}
    having = np.flatnonzero(picked(view, analyzer, query.filter))
    rows = in_order(having, view.created, Order.NEWEST)
    found = _candidates(memories, analyzer, query, ((row, 0.0) for row in rows.tolist()), ())
    listed = (memory.cube for memory in found if memory.cube.media_type != VOCABULARY)
    hits = [hit_of(cube, 0.0, overview) for cube in islice(listed, query.limit)]
    return Hits(hits, overview | _passed_over(memories, query))


def _passed_over(memories: Memories, query: Query) -> dict[str, object]:
    """The memories that were come to and could be neither read nor compared."""
    told: dict[str, object] = {}
    if memories.damaged:
        told["damaged"] = dict(sorted(memories.damaged.items()))
    if query.accepts.not_compared:
        told["not_compared"] = list(query.accepts.not_compared)
    return told


class _Found(NamedTuple):
    """What a query comes to, whatever phrases it has."""

    memories: Memories
    analyzer: Analyzer
    query: Query
    words: LexicalQuery
    dense: Dense | None
    chain: Chain | None
    check: HeaderCheck

    def hits(
        self,
        visible: View,
        phrases: Sequence[Phrase],
        needed: Sequence[Phrase],
        overview: dict[str, object],
    ) -> list[Hit]:
        """The best rows; of phrases, those `needed` are held by every hit, others draw to the top."""
        memories, analyzer, query, chain = self.memories, self.analyzer, self.query, self.chain
        having = rows_with_words(visible, analyzer, phrases) if phrases else None
        within = having if needed else None
        holding = None
        if having is not None and not needed:
            holding = rows_holding(memories.of, analyzer, having, phrases)
            if holding is not None and not holding.any():
                overview["phrases_not_found"] = [" ".join(phrase) for phrase in phrases]
        ranking = rank(visible, self.words, query.recipe, self.dense, chain, within, holding)
        decays = _decays(visible, ranking, self.check)
        least = 0.0 if needed else query.min_score  # what holds a phrase is about it
        ranked = ranking.best_first(decays, least)
        candidates = _candidates(memories, analyzer, query, ranked, needed)
        if query.recipe.rerank and query.reranker is not None:
            current = None if chain is None else chain.current
            candidates, failure = rerank(query, query.reranker, candidates, decays, current)
            if failure is not None:
                overview["rerank"] = {"unavailable": failure}
        found = list(islice(candidates, query.limit))
        explained = ranking.explain([candidate.row for candidate in found])
        return [
            hit_of(
                candidate.cube,
                candidate.score,
                {
                    **overview,
                    **explanation,
                    **_successor(visible, chain, candidate.row),
                    **candidate.explanation,
                },
            )
            for candidate, explanation in zip(found, explained, strict=True)
        ]


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
    return measure(reader, view, query.scopes, analyzer, query.embedding, query.text)


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
