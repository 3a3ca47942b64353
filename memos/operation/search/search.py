"""MemOperator search: candidates from the index, governed and ranked before anything is shown.

Statistics cover exactly what the caller may read in the searched scope at the position asked for,
so a score tells of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import Mask, View
from memos.kernel.event import id_text
from memos.operation.cube import MemCube, as_datetime, read_cube
from memos.operation.language.port import Claim
from memos.operation.search.analyzer import Analyzer
from memos.operation.search.dense import Dense, NotDense, measure
from memos.operation.search.hits import Hits, hit_of
from memos.operation.search.indexed_text import claims_of_cube
from memos.operation.search.query import Query, analyse_query
from memos.operation.search.question import Phrase, Question, holds_phrase
from memos.operation.search.ranking import Ranking, rank
from memos.operation.search.rerank import Found, rerank
from memos.operation.search.supersession import Chain, chain_of
from memos.operation.search.visibility import Flagged, restrict

MOST_OPENED = 64
"""How many texts with all words of a quoted phrase are opened to see whether they hold it."""


def search(
    reader: Reader, view: View, analyzer: Analyzer, query: Query, newest: View | None = None
) -> Hits:
    """The best memories for a query, best first, each cube once.

    `newest` is given where `view` is of an earlier moment: who may read is decided as of now.
    """
    flagged = Flagged(reader, query)
    visible = restrict(view, query, flagged, newest or view)
    if query.valid_at is not None:
        visible = visible.true_at(query.valid_at)
    words = analyse_query(analyzer, query.text, query.time)
    phrases = words.question.phrases if query.recipe.phrase else ()
    having = _having(visible, analyzer, phrases) if phrases else None
    quoted, needed = (phrases, ()) if words.question.asks else ((), phrases)
    within = having if needed else None
    holding = _holding(reader, visible, analyzer, query, having, quoted) if quoted else None
    dense = _dense(reader, visible, analyzer, query)
    near = dense if isinstance(dense, Dense) else None
    chain = _chain(reader, visible, analyzer, query) if query.recipe.supersession else None
    ranking = rank(visible, words, query.recipe, near, chain, within, holding)
    decays = _decays(visible, ranking, flagged)
    found = _found(reader, visible, analyzer, query, ranking.best_first(decays), needed)
    told = _told(query, words.question, len(visible), dense)
    if query.recipe.rerank and query.reranker is not None:
        current = None if chain is None else chain.current
        found, failure = rerank(query, query.reranker, found, decays, current)
        told |= {} if failure is None else {"rerank": {"unavailable": failure}}
    hits = [
        hit_of(
            each.cube,
            each.score,
            {
                **told,
                **ranking.explain(each.row),
                **_successor(visible, chain, each.row),
                **each.told,
            },
        )
        for each in islice(found, query.limit)
    ]
    return Hits(hits, told)


def _told(
    query: Query, question: Question, searched: int, dense: Dense | NotDense | None
) -> dict[str, object]:
    """How a search ran as a whole."""
    told: dict[str, object] = {
        "recipe": f"{query.recipe.name}@{query.recipe.version}",
        "searched": searched,
        "read_time": query.read_time,
    }
    if question.windows and query.recipe.window:
        told["windows"] = [
            {
                "phrase": window.phrase,
                "from": as_datetime(window.start).isoformat(),
                "until": as_datetime(window.end).isoformat(),
            }
            for window in question.windows
        ]
    if question.phrases and query.recipe.phrase:
        told["phrases"] = [" ".join(phrase) for phrase in question.phrases]
    if isinstance(dense, NotDense):
        told["dense"] = {"unavailable": dense.reason}
    return told


def _dense(reader: Reader, view: View, analyzer: Analyzer, query: Query) -> Dense | NotDense | None:
    """How near the rows are in meaning, where the recipe asks for it."""
    if not query.recipe.dense or query.embedding is None:
        return None
    return measure(reader, view, query.scope, analyzer, query.embedding, query.text)


def _having(view: View, analyzer: Analyzer, phrases: Sequence[Phrase]) -> Mask:
    """The rows that have all words of all phrases; whether they stand together the texts tell."""
    rows = np.ones(len(view), np.bool_)
    for word in {word for phrase in phrases for word in phrase}:
        having = np.zeros(len(view), np.bool_)
        having[view.postings(analyzer.word_term(word))[0]] = True
        rows &= having
    return rows


def _holding(
    reader: Reader,
    view: View,
    analyzer: Analyzer,
    query: Query,
    having: Mask | None,
    phrases: Sequence[Phrase],
) -> Mask | None:
    """Of the rows that have all words of the phrases those whose texts hold them as they are.

    None where very many have the words: then the phrases tell little.
    """
    if having is None or np.count_nonzero(having) > MOST_OPENED:
        return None
    holding = np.zeros(len(view), np.bool_)
    for row in np.flatnonzero(having).tolist():
        cube = _cube_at(reader, view, row, query)
        holding[row] = cube is not None and _holds(analyzer, cube, phrases)
    return holding


def _found(
    reader: Reader,
    view: View,
    analyzer: Analyzer,
    query: Query,
    ranked: Iterator[tuple[int, float]],
    phrases: Sequence[Phrase],
) -> Iterator[Found]:
    """The ranked rows as memories, without those that were erased or that do not fit."""
    while page := list(islice(ranked, query.limit)):
        if query.valid_at is None:
            rows = np.array([row for row, _ in page])
            reader.read_ahead(view.cube_ids(rows), view.at)
        for row, score in page:
            cube = _cube_at(reader, view, row, query)
            if cube is not None and _holds(analyzer, cube, phrases) and query.accepts(cube):
                yield Found(row, score, cube)


def _holds(analyzer: Analyzer, cube: MemCube, phrases: Sequence[Phrase]) -> bool:
    if not phrases:
        return True
    tokens = analyzer.tokenize(f"{cube.text}\n{cube.metadata.get('caption', '')}")
    return all(holds_phrase(tokens, phrase) for phrase in phrases)


def _cube_at(reader: Reader, view: View, row: int, query: Query) -> MemCube | None:
    """The memory of a row; None where it was erased. At a valid time, its version of then."""
    cube_id = view.cube_ids(np.array([row]))[0]
    at = view.at if query.valid_at is None else int(view.opened[row])
    attempt = reader.vault.state_at(cube_id, at)
    cube = None if attempt is None else read_cube(reader, attempt)
    return cube if isinstance(cube, MemCube) else None


def _chain(reader: Reader, view: View, analyzer: Analyzer, query: Query) -> Chain | None:
    """The memories that fill the slot which the query asks for, as of the time asked for."""
    slot = analyzer.language.asked_slot(query.text)
    if slot is None:
        return None

    def claims_of(row: int) -> list[Claim]:
        cube = _cube_at(reader, view, row, query)
        return [] if cube is None else claims_of_cube(cube, analyzer.language)

    return chain_of(view, analyzer, slot, query.time, claims_of)


def _successor(view: View, chain: Chain | None, row: int) -> dict[str, object]:
    """Which memory took the place of this one."""
    newer = None if chain is None else chain.successor(row)
    if newer is None:
        return {}
    return {"superseded_by": id_text(view.cube_ids(np.array([newer]))[0])}


def _decays(view: View, ranking: Ranking, flagged: Flagged) -> dict[int, float]:
    if not flagged.factors:
        return {}
    docs = view.doc
    return {
        row: flagged.factors[int(docs[row])]
        for row in ranking.rows.tolist()
        if int(docs[row]) in flagged.factors
    }
